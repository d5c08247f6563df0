"""SIGTERM ends a run of the tests and tears its fixtures down; a skipped test fails in CI."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.commands import PATIENCE

_ENDLESS = """
import os, time
from pathlib import Path
import pytest

@pytest.fixture(scope="session")
def server():
    yield
    Path("torn-down").touch()

def test_endless(server):
    Path("begun").touch()
    time.sleep(3600)
"""
_SKIPPED = """
import pytest

def test_that_runs():
    pass

@pytest.mark.skip(reason="needs a program")
def test_that_is_skipped():
    pass
"""


def _pytest(folder: Path, text: str, *options: str, **environment: str) -> subprocess.Popen[str]:
    """A run of one test module, with this suite's plugin `tests.ending` but no conftest."""
    (folder / "test_module.py").write_text(text)
    inherited = {name: value for name, value in os.environ.items() if name != "CI"}
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", "-p", "tests.ending", "--rootdir=.", *options],
        cwd=folder,
        env=inherited | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.parametrize("workers", ["0", "1"])
def test_sigterm_ends_a_run_and_tears_its_fixtures_down(tmp_path: Path, workers: str) -> None:
    with _pytest(tmp_path, _ENDLESS, f"--numprocesses={workers}") as run:
        try:
            deadline = time.monotonic() + PATIENCE
            while not (tmp_path / "begun").exists():
                assert time.monotonic() < deadline
                time.sleep(0.02)
            run.terminate()
            printed, _ = run.communicate(timeout=PATIENCE)
        finally:
            run.kill()
    assert run.returncode == pytest.ExitCode.INTERRUPTED, printed
    assert (tmp_path / "torn-down").exists()


@pytest.mark.parametrize(
    ("environment", "code"),
    [({}, pytest.ExitCode.OK), ({"CI": "true"}, pytest.ExitCode.TESTS_FAILED)],
    ids=["elsewhere", "in CI"],
)
def test_a_skipped_test_fails_a_run_only_in_ci(
    tmp_path: Path, environment: dict[str, str], code: pytest.ExitCode
) -> None:
    with _pytest(tmp_path, _SKIPPED, **environment) as run:
        printed, _ = run.communicate(timeout=PATIENCE)
    assert run.returncode == code
    assert ("test_that_is_skipped: Skipped: needs a program" in printed) == bool(environment)
