"""The rollups' processes: cells are built, kept up to date, swept and verified."""
