"""What is counted in each collection: a file of cubes and tables a collection."""
