"""The style of the pages: lines wrap at 100, and the files and headings they name exist."""

import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parent.parent
PAGES: Final = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINE_MAX: Final = 100

_FENCE: Final = re.compile(r"\s*```")
_LINK: Final = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_ONLY_LINKS: Final = re.compile(r"[\s*-]*(!?\[[^\]]*\]\([^)]*\)|<https?:[^>]*>)+[.,;:]?\s*")
_CODE: Final = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_HEADING: Final = re.compile(r"#+ +(.*)")
# Names such as `server/cli.py`, `docs/`, `.ci/run`; no patterns, addresses, options or commands.
_PATH: Final = re.compile(r"[\w.-]+(/[\w.-]+)*/?")
_FILE_NAME: Final = re.compile(
    r".+\.(graphql|html|js|json|lock|md|mjs|png|py|sh|svg|toml|tsx?|ya?ml)"
)
# Files that a command makes, and files of users.
_NOT_COMMITTED: Final = frozenset(
    {".venv", ".headcount", ".env", "manifest.json", "relay.config.json", "src"}
)
_NOT_WALKED: Final = frozenset({".git", ".headcount", ".venv", "node_modules"})


def _prose(page: Path) -> Iterator[tuple[int, str]]:
    """The lines of a page outside code blocks, with their numbers."""
    in_code = False
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if _FENCE.match(line):
            in_code = not in_code
        elif not in_code:
            yield number, line


def _is_file_name(text: str) -> bool:
    """Whether a text in backticks looks like a path inside the repository."""
    if not _PATH.fullmatch(text):
        return False
    first, *rest = text.split("/")
    if first in _NOT_COMMITTED:
        return False
    in_a_room = bool(rest) and (ROOT / first).is_dir()
    return in_a_room or _FILE_NAME.fullmatch(text) is not None


@cache
def _names() -> frozenset[str]:
    """The names of all files of the repository, without their folders."""
    names: set[str] = set()
    for _, folders, files in os.walk(ROOT):
        folders[:] = [each for each in folders if each not in _NOT_WALKED]
        names.update(files)
    return frozenset(names)


def _exists(page: Path, name: str) -> bool:
    """Whether a path exists, from the root or from the page; a bare name may be in any folder."""
    if (ROOT / name).exists() or (page.parent / name).exists():
        return True
    return "/" not in name and name in _names()


def _anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = (found[1] for _, line in _prose(page) if (found := _HEADING.fullmatch(line)))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_lines_wrap_at_100(page: Path) -> None:
    long = [
        f"{page.relative_to(ROOT)}:{number}: {len(line)} characters"
        for number, line in _prose(page)
        if len(line) > LINE_MAX and not line.startswith("|") and not _ONLY_LINKS.fullmatch(line)
    ]
    assert not long, "\n".join(long)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_that_a_page_names_exist(page: Path) -> None:
    missing = [
        f"{page.relative_to(ROOT)}:{number}: {name}"
        for number, line in _prose(page)
        for name in _CODE.findall(line)
        if _is_file_name(name) and not _exists(page, name)
    ]
    assert not missing, "\n".join(missing)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_to_headings_lead_to_one(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    missing = []
    for link in _LINK.findall(text):
        target, _, anchor = link.partition("#")
        if anchor and ":" not in target:
            other = page if not target else page.parent / target
            if anchor not in _anchors(other):
                missing.append(f"{page.relative_to(ROOT)}: {link}")
    assert not missing, "\n".join(missing)
