"""Requests that would stop a server which does not bound its work."""
