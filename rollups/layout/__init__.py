"""What a rollup consists of, as plain values: levels, declarations, which level answers a slice."""
