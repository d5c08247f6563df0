"""Runs Node.js with the packages of the pages, which include those of GraphQL clients."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

CONSOLE: Final = Path(__file__).parents[2] / "console"
MODULES: Final = CONSOLE / "node_modules"


def needs(*packages: str) -> Callable[[Any], Any]:
    """Skips a test without Node.js or one of the packages."""
    return pytest.mark.skipif(
        shutil.which("node") is None or not all((MODULES / each).exists() for each in packages),
        reason="the test needs Node.js and console/node_modules: make setup",
    )


def node(script: Path, *arguments: str, folder: Path) -> str:
    """The output of a script."""
    result = subprocess.run(
        ["node", str(script), *arguments],
        cwd=folder,
        env={**os.environ, "NODE_PATH": str(MODULES)},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout
