"""Demo data of a fictional platform. The same seed makes the same data."""
