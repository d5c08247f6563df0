"""The architecture: which rooms (packages) a room may import (docs/architecture.md)."""

import ast
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parent.parent

# room → the other rooms that it may import. `server` assembles them and may import all.
MAY_IMPORT: Final = {
    "errors": set[str](),
    "cancelling": set[str](),
    "documents": set[str](),
    "demo": set[str](),
    "cubes": {"documents"},
    "rollups/layout": {"cubes"},
    "rollups/keeper": {"rollups/layout", "cubes", "documents", "errors", "cancelling"},
    "rollups": {"rollups/layout", "rollups/keeper"},
    "loaders": {"rollups/layout", "cubes", "documents", "errors", "cancelling"},
    "auth": {"errors"},
    "resolvers": {"loaders", "cubes", "documents", "auth", "errors"},
    "schema": {"resolvers", "loaders", "auth", "errors"},
    "exports": {"resolvers", "loaders", "cubes", "auth", "errors"},
    "rest": {"schema", "exports", "loaders", "auth", "errors"},
    "server": {
        "cancelling",
        "rest",
        "schema",
        "resolvers",
        "loaders",
        "cubes",
        "documents",
        "exports",
        "rollups",
        "rollups/keeper",
        "rollups/layout",
        "auth",
        "demo",
        "errors",
    },
}
LIBRARIES_BY_ROOM: Final = {
    "strawberry": {"schema", "rest", "server"},
    "graphql": {"schema", "rest", "server"},
    "starlette": {"server", "exports", "rest"},
    "uvicorn": {"server"},
    "beanie": {"documents", "cubes", "loaders", "rollups/layout"},
    "pymongo": {"documents", "loaders", "rollups/keeper", "server", "demo"},
    "jwt": {"auth"},
    "httpx": {"server"},
}


def _modules() -> list[Path]:
    single = [file for room in MAY_IMPORT if (file := ROOT / f"{room}.py").exists()]
    inside = {path for room in MAY_IMPORT for path in (ROOT / room).rglob("*.py")}
    return [*single, *sorted(inside)]


def _imports(module: Path) -> set[str]:
    """The rooms and libraries that a module imports, at any depth of its code."""
    names = set[str]()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            names |= {_room_of(alias.name.split(".")) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            names.add(_room_of(str(node.module).split(".")))
    return names


def _room_of(parts: Sequence[str]) -> str:
    """The room or library of a dotted name: its first two parts if they name a room, else one."""
    inner = "/".join(parts[:2])
    return inner if inner in MAY_IMPORT else parts[0]


def _room(module: Path) -> str:
    return _room_of(module.relative_to(ROOT).with_suffix("").parts)


@pytest.mark.parametrize("module", _modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_room_imports_only_the_rooms_that_it_may(module: Path) -> None:
    room = _room(module)
    ours = {*MAY_IMPORT, "tests", "benchmarks"}
    assert _imports(module) & ours - {room} <= MAY_IMPORT[room]


@pytest.mark.parametrize("module", _modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_library_is_imported_only_by_its_rooms(module: Path) -> None:
    for library, rooms in LIBRARIES_BY_ROOM.items():
        if library in _imports(module):
            assert _room(module) in rooms


@pytest.mark.parametrize("module", _modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_first_line_of_a_module_is_one_sentence(module: Path) -> None:
    text = module.read_text()
    assert text.startswith('"""')
    assert text.splitlines()[0].rstrip('"').endswith("."), "one sentence"


@pytest.mark.parametrize("module", _modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_has_at_most_260_lines(module: Path) -> None:
    assert len(module.read_text().splitlines()) <= 260


def test_only_the_clock_reads_the_time() -> None:
    reading = {
        str(module.relative_to(ROOT))
        for module in _modules()
        if "datetime.now(" in module.read_text() or "time.time(" in module.read_text()
    }
    assert reading == {"server/clock.py"}


def test_only_the_settings_read_the_environment() -> None:
    reading = {
        str(module.relative_to(ROOT))
        for module in _modules()
        if "os.environ" in module.read_text() or "os.getenv" in module.read_text()
    }
    # prometheus-client takes the folder of its shared metrics from the environment only.
    assert reading == {"server/settings.py", "server/metrics.py"}
