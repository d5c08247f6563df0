"""The differential test: servers under disturbances against an independent oracle."""
