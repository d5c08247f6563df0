"""KPIs: from arguments to slices, and from cells to results, by the formulas of docs/kpis.md."""
