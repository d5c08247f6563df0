"""From arguments to slices, and from their cells to plain results: the formulas of kpis.md."""
