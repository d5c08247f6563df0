"""What can be counted: the cubes, their slices, and how these compile to aggregations."""
