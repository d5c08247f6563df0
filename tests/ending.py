"""A pytest plugin: SIGTERM ends a run at once, and in CI a skipped test fails the run.

`pyproject.toml` names the plugin, so the workers of pytest-xdist load it too.
"""

import os
import signal
from types import FrameType
from typing import Any

import pytest

# In the controller of pytest-xdist: worker name → process id.
_workers: dict[str, int] = {}


def pytest_configure() -> None:
    signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(_: int, __: FrameType | None) -> None:
    """Ends the run as Ctrl-C does: fixtures are torn down, so that their servers end.

    The default handler would end Python without a tear-down; SystemExit would fail one test only.
    """
    # A second signal must not interrupt the tear-down: `make` and its shell may each send one.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for worker in _workers.values():
        os.kill(worker, signal.SIGTERM)
    raise KeyboardInterrupt


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_newgateway(gateway: Any) -> None:
    """Records a worker: without a signal it would outlive its controller by ten seconds."""
    _workers[gateway.id] = gateway._rinfo().pid


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Forgets a worker that has ended: another process may get its process id."""
    _workers.pop(node.gateway.id, None)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fails the run in CI if a test was skipped: in CI a missing program is a failure."""
    if _skipped(session.config) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    for report in _skipped(config):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        terminalreporter.write_line(f"FAILED, as CI skips nothing: {report.nodeid}: {reason}")


def _skipped(config: pytest.Config) -> list[pytest.TestReport]:
    """The reports of skipped tests in CI; empty elsewhere and in workers of pytest-xdist."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or not os.environ.get("CI"):
        return []
    skipped: list[pytest.TestReport] = reporter.stats.get("skipped", [])
    return skipped
