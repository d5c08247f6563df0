"""The processes that maintain rollups: lease, build, follow, sweep, verify."""
