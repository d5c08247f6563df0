"""Maintaining rollups: lease, build, follow, sweep, verify."""
