"""Reports, the writers that turn them into files, and their routes. There are none yet."""
