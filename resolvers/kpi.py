"""KPIs declared beside the slice they are folded from, so that only what is selected is counted."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from typing import Generic, NoReturn, Self, TypeVar, overload

from cubes.cube import Cells, Cube, Slice, by_cube
from loaders.loader import Aggregations

_Value = TypeVar("_Value")


class Kpi(Generic[_Value]):
    """One number of a `Stats`: which slices it needs, and how it is folded from their cells."""

    def __init__(self, fold: Callable[..., _Value], *needs: Slice) -> None:
        self.needs = needs
        self.fold = fold
        self.__doc__ = fold.__doc__

    @overload
    def __get__(self, stats: None, owner: type) -> Self: ...
    @overload
    def __get__(self, stats: "Stats", owner: type) -> _Value: ...
    def __get__(self, stats: "Stats | None", owner: type) -> Self | _Value:
        if stats is None:
            return self
        return self.fold(stats, *(stats.read(needs.cube) for needs in self.needs))


def kpi(*needs: Slice) -> Callable[[Callable[..., _Value]], Kpi[_Value]]:
    """Declares a method `(self, cells, …)` as the fold of a KPI over the cells of slices."""
    return lambda fold: Kpi(fold, *needs)


class Failed:
    """Why something could not be loaded: raised each time from where it failed.

    Else the trace would grow with each KPI that asks, of each request that shares the read.
    """

    def __init__(self, error: BaseException) -> None:
        self._error = error
        self._traceback = error.__traceback__

    def again(self) -> NoReturn:
        """Raises it."""
        raise self._error.with_traceback(self._traceback)


def loaded(found: _Value | BaseException) -> _Value | Failed:
    """What `gather` found, or why it did not."""
    return Failed(found) if isinstance(found, BaseException) else found


class Stats:
    """A result made of KPIs: only those that were selected can be read.

    Where a cube could not be loaded, each KPI that needs it raises why; the others answer.
    """

    def __init__(self, cells: Mapping[Cube, Cells | BaseException]) -> None:
        self._cells = {cube: loaded(each) for cube, each in cells.items()}

    def read(self, cube: Cube) -> Cells:
        """The cells of a cube; raises why there are none."""
        cells = self._cells[cube]
        return cells.again() if isinstance(cells, Failed) else cells

    @classmethod
    async def load(cls, selected: Collection[str], aggregations: Aggregations) -> Self:
        """Loads what the selected KPIs are folded from: one slice a cube."""
        slices = by_cube(needs for name in selected for needs in getattr(cls, name).needs)
        cells = await asyncio.gather(
            *map(aggregations.load, slices.values()), return_exceptions=True
        )
        return cls(dict(zip(slices, cells, strict=True)))
