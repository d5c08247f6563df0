"""Reports, the writers that turn any of them into files, and their routes."""
