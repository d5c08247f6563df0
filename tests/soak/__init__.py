"""A server under mixed load, hostile requests and faults of MongoDB, for some minutes."""
