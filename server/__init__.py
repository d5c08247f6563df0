"""The composition root: settings, the application, the embedded MongoDB, the command line."""
