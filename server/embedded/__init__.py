"""The embedded MongoDB and the demo's access to it."""
