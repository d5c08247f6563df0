"""The docs: every query gets its answer, every command runs, every link leads to a file."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx
import pytest
from pymongo import MongoClient

from tests.commands import HEADCOUNT, PATIENCE, ask, environment, free_port, run, running
from tests.conftest import SECRET

ROOT: Final = Path(__file__).parent.parent
PAGES: Final = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_BLOCK: Final = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_LINK: Final = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_SELECTION: Final = re.compile(r'pytest ([\w/. ]+\.py) -k "([^"]+)"')
_TEST: Final = re.compile(r"^(?:async )?def (test_\w+)", re.MULTILINE)
# These need a Docker engine, or programs of the Internet. tests/test_container.py runs the steps of
# the image instead.
_NOT_RUN: Final = ("docker ", "pip install schemathesis", "schemathesis ", "pip-audit ")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: Path
    number: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}#{self.number}"


def _blocks(page: Path) -> list[Block]:
    found = enumerate(_BLOCK.finditer(page.read_text()))
    return [Block(page, number, match[2], match[3]) for number, match in found]


BLOCKS: Final = [block for page in PAGES for block in _blocks(page)]
# tests/rest/test_stored_operations.py runs the stored operations.
QUERIES: Final = [
    block for block in BLOCKS if block.language == "graphql" and "@path(" not in block.text
]
COMMANDS: Final = [block for block in BLOCKS if block.language == "sh"]


@dataclass(frozen=True)
class Demo:
    """A server of the demo data that `headcount demo` makes."""

    url: str
    token: str
    settings: dict[str, str]


@pytest.fixture(scope="module")
def demo(mongodb_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """A small demo, so that it is made and its rollups are built fast."""
    settings = {
        "HEADCOUNT_MONGODB_URI": mongodb_uri,
        "HEADCOUNT_DATABASE": f"headcount_docs_{uuid4().hex[:12]}",
        "HEADCOUNT_JWT_SECRET": SECRET,
    }
    folder = tmp_path_factory.mktemp("demo")
    seeded = run(folder, "seed", "--scale", "0.05", **settings)
    assert seeded.returncode == 0, seeded.stderr
    token = run(folder, "token", "--role", "admin", **settings).stdout.strip()
    with running(folder, "serve", **settings) as (_, url):
        yield Demo(url, token, settings)
    with MongoClient[dict[str, Any]](mongodb_uri) as client:
        client.drop_database(settings["HEADCOUNT_DATABASE"])


def test_the_docs_have_queries_and_commands() -> None:
    assert len(QUERIES) >= 8
    assert len(COMMANDS) >= 5


@pytest.mark.parametrize("query", QUERIES, ids=str)
def test_a_query_of_the_docs_answers(demo: Demo, query: Block) -> None:
    assert "errors" not in ask(demo.url, demo.token, query.text)


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_a_command_of_the_docs_runs(demo: Demo, command: Block, tmp_path: Path) -> None:
    script = command.text.replace("\\\n", " ").replace("http://127.0.0.1:8000", demo.url)
    lines = [line for line in script.splitlines() if not line.startswith(_NOT_RUN)]
    for line in lines:
        if line.startswith("make "):
            target = line.removeprefix("make ").split()[0]
            assert f"\n{target}:" in (ROOT / "Makefile").read_text()
    _run(demo, "\n".join(line for line in lines if not line.startswith("make ")), tmp_path)


def _run(demo: Demo, script: str, folder: Path) -> None:
    path = f"{HEADCOUNT.parent}:{os.environ['PATH']}"
    result = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env=environment(demo.settings | {"TOKEN": demo.token, "PATH": path}),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert '"errors"' not in result.stdout


def test_the_commands_of_the_page_that_replaces_unbuilt_pages_run(
    demo: Demo, tmp_path: Path
) -> None:
    page = (ROOT / "console" / "unbuilt.html").read_text()
    lines = re.findall(r"<pre>\s*((?:curl|TOKEN).*?)</pre>", page, re.DOTALL)
    assert len(lines) == 4
    for line in lines:
        _run(demo, line.replace("http://127.0.0.1:8000", demo.url), tmp_path)
    assert (tmp_path / "events.xlsx").stat().st_size > 1000


def test_make_demo_sets_up_and_serves(tmp_path: Path) -> None:
    for name in ("Makefile", "pyproject.toml", "requirements-dev.lock", ".venv", "console"):
        (tmp_path / name).symlink_to(ROOT / name)
    port = str(free_port())
    with subprocess.Popen(
        # Skips the set-up: the running tests have an environment.
        ["make", "-o", ".venv/.ready", "-o", "console/dist/index.html", "demo"],
        cwd=tmp_path,
        env=environment({"HEADCOUNT_PORT": port}),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        printed = ""
        while "customer:" not in printed:
            line = process.stdout.readline()
            assert line, printed
            printed += line
        token = re.search(r"^admin: (\S+)$", printed, re.MULTILINE)
        assert token is not None
        url = f"http://127.0.0.1:{port}"
        assert f"Dashboard: {url}/\n" in printed
        assert f"GraphiQL: {url}/graphql" in printed
        assert f"REST API: {url}/docs" in printed
        # No retry: once the address is printed, the server accepts requests.
        assert httpx.get(f"{url}/readyz").status_code == 200
        assert ask(url, token[1], "{ viewer { role } }") == {"data": {"viewer": {"role": "ADMIN"}}}
        for query, answer in pairwise(BLOCKS):
            if query.language == "graphql" and answer.language == "json":
                assert ask(url, token[1], query.text)["data"] == json.loads(answer.text)
        os.killpg(process.pid, signal.SIGTERM)
        process.stdout.read()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_to_files_lead_to_one(page: Path) -> None:
    for link in _LINK.findall(page.read_text()):
        if not link.startswith(("http:", "https:", "#")):
            assert (page.parent / link.split("#")[0]).exists(), link


def test_every_selection_of_tests_selects_some() -> None:
    selections = [
        (files.split(), words.split(" or "))
        for page in PAGES
        for files, words in _SELECTION.findall(page.read_text())
    ]
    assert selections
    for files, words in selections:
        names = " ".join(_TEST.findall(" ".join((ROOT / file).read_text() for file in files)))
        assert [word for word in words if word not in names] == []


def test_every_setting_is_in_the_docs() -> None:
    from server.settings import PREFIX, Settings

    text = (ROOT / "docs" / "operations.md").read_text()
    for name in Settings.model_fields:
        assert f"`{PREFIX}{name.upper()}`" in text


def test_every_command_is_in_the_docs() -> None:
    from server.cli import cli

    text = (ROOT / "docs" / "operations.md").read_text()
    for name in cli.commands:
        assert f"| `headcount {name}" in text
