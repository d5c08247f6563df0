"""The data of the benchmarks, and changes to it."""
