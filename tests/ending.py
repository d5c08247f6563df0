"""How a run of the tests ends: at once on SIGTERM, and failed in CI if a test was skipped.

A plugin of pytest, which `pyproject.toml` names: it also serves the workers of pytest-xdist.
"""

import os
import signal
from types import FrameType
from typing import Any

import pytest

# The process ids of the workers of pytest-xdist, by their names, in the process that started them.
_workers: dict[str, int] = {}


def pytest_configure() -> None:
    signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(_: int, __: FrameType | None) -> None:
    """Ends the run as Ctrl-C does: fixtures are torn down, so that their servers end.

    The default would end Python without that, and a SystemExit would only fail one test.
    """
    # A second signal must not interrupt the tear-down: `make` and its shell may each send one.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for worker in _workers.values():
        os.kill(worker, signal.SIGTERM)
    raise KeyboardInterrupt


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_newgateway(gateway: Any) -> None:
    """Notes a worker, which would else go on for ten seconds without its controller."""
    _workers[gateway.id] = gateway._rinfo().pid


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Forgets a worker that has ended: its process id may soon be another process's."""
    _workers.pop(node.gateway.id, None)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fails the run in CI if a test was skipped: there, a missing program is a failure."""
    if _skipped(session.config) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    for report in _skipped(config):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        terminalreporter.write_line(f"FAILED, as CI skips nothing: {report.nodeid}: {reason}")


def _skipped(config: pytest.Config) -> list[pytest.TestReport]:
    """The reports of skipped tests if this is CI; the workers of pytest-xdist have none."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or not os.environ.get("CI"):
        return []
    skipped: list[pytest.TestReport] = reporter.stats.get("skipped", [])
    return skipped
