"""Tickets one by one: the ticket report and the events dashboard's list of tickets."""
