"""Cubes and slices, and their compilation to aggregations."""
