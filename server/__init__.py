"""The composition root: settings, command line, HTTP server, embedded MongoDB."""
