"""The commands of `headcount`."""
