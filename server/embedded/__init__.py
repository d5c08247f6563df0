"""The embedded MongoDB, and the demo's public access."""
