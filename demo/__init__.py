"""Demo data: a made-up platform, the same for the same seed."""
