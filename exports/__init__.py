"""Exports: reports, file formats and download routes."""
