"""Tests of `rest/`."""
