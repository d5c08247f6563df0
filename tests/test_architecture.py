"""The house: which room may import which. Arrows point down only (docs/architecture.md)."""

import ast
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parent.parent

# What a room may import besides itself and libraries; `server` puts everything together.
MAY: Final = {
    "errors": set[str](),
    "cancelling": set[str](),
    "documents": set[str](),
    "demo": set[str](),
    "cubes": {"documents"},
    "loaders": {"cubes", "documents", "errors", "cancelling"},
    "rollups": {"cubes", "documents", "errors", "cancelling"},
    "auth": {"errors"},
    "resolvers": {"loaders", "cubes", "auth", "errors"},
    "schema": {"resolvers", "loaders", "auth", "errors"},
    "exports": {"resolvers", "loaders", "auth", "errors"},
    "server": {
        "cancelling",
        "schema",
        "resolvers",
        "loaders",
        "cubes",
        "documents",
        "exports",
        "rollups",
        "auth",
        "demo",
        "errors",
    },
}
LIBRARIES_BY_ROOM: Final = {
    "strawberry": {"schema", "server"},
    "graphql": {"schema", "server"},
    "starlette": {"server", "exports"},
    "uvicorn": {"server"},
    "beanie": {"documents", "cubes", "loaders"},
    "pymongo": {"documents", "loaders", "rollups", "server", "demo"},
    "jwt": {"auth"},
}


def _modules() -> list[Path]:
    single = [file for room in MAY if (file := ROOT / f"{room}.py").exists()]
    return [*single, *(path for room in MAY for path in sorted((ROOT / room).rglob("*.py")))]


def _imports(module: Path) -> set[str]:
    """The top-level names that a module imports, wherever in it."""
    names = set[str]()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            names.add(str(node.module).split(".")[0])
    return names


def _room(module: Path) -> str:
    return module.relative_to(ROOT).parts[0].removesuffix(".py")


@pytest.mark.parametrize("module", _modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_arrows_point_down_only(module: Path) -> None:
    room = _room(module)
    ours = {*MAY, "tests", "benchmarks"}
    assert _imports(module) & ours - {room} <= MAY[room]


@pytest.mark.parametrize("module", _modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_library_stays_in_its_rooms(module: Path) -> None:
    for library, rooms in LIBRARIES_BY_ROOM.items():
        if library in _imports(module):
            assert _room(module) in rooms


@pytest.mark.parametrize("module", _modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_says_on_its_first_line_what_it_owns(module: Path) -> None:
    text = module.read_text()
    assert text.startswith('"""')
    assert text.splitlines()[0].rstrip('"').endswith("."), "one sentence"


@pytest.mark.parametrize("module", _modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_is_short(module: Path) -> None:
    assert len(module.read_text().splitlines()) <= 260


def test_only_the_clock_asks_for_the_time() -> None:
    asking = {
        str(module.relative_to(ROOT))
        for module in _modules()
        if "datetime.now(" in module.read_text() or "time.time(" in module.read_text()
    }
    assert asking == {"server/clock.py"}


def test_only_the_settings_read_the_environment() -> None:
    reading = {
        str(module.relative_to(ROOT))
        for module in _modules()
        if "os.environ" in module.read_text() or "os.getenv" in module.read_text()
    }
    # prometheus-client is told by the environment alone where processes share their figures.
    assert reading == {"server/settings.py", "server/telemetry.py"}
