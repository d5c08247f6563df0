"""Rollups: cells of cubes in collections of their own, which follow the documents' changes."""
