"""The declared cubes and tables: a file for each collection."""
