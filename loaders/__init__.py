"""The DataLoader of one request: what its resolvers ask for, batched into few aggregations."""
