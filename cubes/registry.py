"""The catalog: every cube that is declared in `cubes/declared/`, bound to the server's settings."""

import pkgutil
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, Final

from cubes import declared
from cubes.cells import CubeError
from cubes.cube import Cube


def _declared() -> Iterator[Cube]:
    """The cubes that the modules of `cubes/declared/` name, mappings of cubes included."""
    for module in pkgutil.iter_modules(declared.__path__):
        found = import_module(f"{declared.__name__}.{module.name}")
        for value in vars(found).values():
            for each in value.values() if isinstance(value, Mapping) else (value,):
                if isinstance(each, Cube):
                    yield each


CUBES: Final[tuple[Cube, ...]] = (*dict.fromkeys(_declared()),)
"""All declared cubes, by file and then in the order of the file."""


class Catalog:
    """The declared cubes with the values of the server's settings in their expressions."""

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        """`settings` are values by the name of their `Setting`; its default serves if absent."""
        self._bound: Final = {cube: cube.bind(settings or {}) for cube in CUBES}

    def bound(self, cube: Cube) -> Cube:
        """A declared cube as it is counted here; raises `CubeError` if no module declares it."""
        try:
            return self._bound[cube]
        except KeyError as error:
            raise CubeError(
                f"Cube {cube.name} is not declared: name it in a module of cubes/declared/."
            ) from error

    def __iter__(self) -> Iterator[Cube]:
        return iter(self._bound.values())


DEFAULT_CATALOG: Final = Catalog()
"""The cubes without any settings."""

if len({cube.name for cube in CUBES}) != len(CUBES):
    raise CubeError("Two cubes of cubes/declared/ have the same name.")
