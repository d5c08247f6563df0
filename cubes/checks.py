"""Checks of a cube's declaration, at import: a name that does not exist stops the program."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from functools import lru_cache
from typing import Any, Final, Protocol

from beanie import Document

from cubes.cells import TIME, CubeError
from cubes.expressions import Expression, references
from documents.fields import has_field

_RESERVED_MEASURES: Final = frozenset({"_id", "documents"})


class _Declared(Protocol):
    """The parts of a cube that a check reads."""

    @property
    def name(self) -> str: ...
    @property
    def source(self) -> type[Document]: ...
    @property
    def dimensions(self) -> Mapping[str, Expression]: ...
    @property
    def measures(self) -> Mapping[str, Expression]: ...
    @property
    def where(self) -> Expression | None: ...
    @property
    def match(self) -> Mapping[str, Any]: ...
    @property
    def array_guards(self) -> frozenset[str]: ...
    @property
    def parameters(self) -> frozenset[str]: ...
    @property
    def rollup_levels(self) -> Sequence[frozenset[str]]: ...
    @property
    def granularities(self) -> Sequence[timedelta]: ...


def check_fields(owner: str, source: type[Document], paths: Iterable[str]) -> None:
    """Raises `CubeError` for paths (`wallet.status`) that are no fields of a document."""
    if unknown := sorted(path for path in paths if not has_field(source, path)):
        raise CubeError(f"{owner}: {', '.join(unknown)} is not a field of {source.__name__}.")


def fields_of(expression: Expression) -> frozenset[str]:
    """The fields (`wallet.status`) that an expression mentions."""
    return frozenset(each[1:] for each in references(expression) if not each.startswith("$$"))


def check(cube: _Declared, *, document: Expression) -> None:
    """Raises `CubeError` for what is wrong; `document` are the expressions over a document."""

    def refuse(names: Iterable[str], problem: str) -> None:
        if names := sorted(names):
            raise CubeError(f"Cube {cube.name}: {', '.join(names)} {problem}.")

    refuse(
        (name for name in (*cube.dimensions, *cube.measures) if not name.isidentifier()),
        "must be a name of letters, digits and _",
    )
    refuse({TIME} & {*cube.dimensions}, "is reserved: Slice.by_points and Slice.by_buckets add it")
    refuse(_RESERVED_MEASURES & {*cube.measures}, "is reserved, and can't be a measure")
    for level in cube.rollup_levels:
        refuse(level - {*cube.dimensions}, "of rollup_levels is not a dimension")
    for finer, coarser in zip(cube.granularities, cube.granularities[1:], strict=False):
        if coarser <= finer or coarser % finer:
            raise CubeError(f"Cube {cube.name}: {coarser} is not a multiple of {finer}.")
    dated = {"created_at"} if cube.granularities else set()
    paths = {*fields_of(document), *cube.match, *cube.array_guards, *dated}
    check_fields(f"Cube {cube.name}", cube.source, paths)
    variables = {*references([cube.dimensions, cube.measures, document])}
    refuse(
        {each for each in variables if each.startswith("$$")} - {f"$${n}" for n in cube.parameters},
        "is not one of its parameters",
    )


@lru_cache(1_000)
def parameters_of(
    cube: _Declared, dimensions: frozenset[str], measures: frozenset[str]
) -> frozenset[str]:
    """The parameters whose values a slice of these dimensions and measures needs."""
    if not cube.parameters:
        return frozenset()
    used = [cube.where, [cube.dimensions[name] for name in dimensions],
            [cube.measures[name] for name in measures]]  # fmt: skip
    return cube.parameters & {each.removeprefix("$$") for each in references(used)}
