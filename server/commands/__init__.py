"""What the commands of `headcount` do."""
