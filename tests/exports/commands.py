"""Marks for tests that need a program."""

import shutil

import pytest

needs_libreoffice = pytest.mark.skipif(
    shutil.which("soffice") is None, reason="LibreOffice is not installed; it is in CI"
)
