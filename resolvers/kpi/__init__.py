"""The engine of KPIs: declarations, terms, units and rounding, and stats that are made of them."""
