"""The layout of rollups, as plain values: levels, declarations, read plans and states."""
