"""Query plans: which aggregations answer a query, from a rollup or live. Pure functions."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Protocol, Self, TypeVar

from beanie import Document
from bson.binary import Binary
from pymongo import ReadPreference
from pymongo.asynchronous.collection import AsyncCollection

from cubes.cube import Slice
from cubes.declaration import Stage
from documents.reads import AsOf
from loaders.freshness import Freshness
from rollups.layout.read_plan import ReadPlan
from rollups.layout.states import State, lag

_Answer = TypeVar("_Answer", covariant=True)

Collection = AsyncCollection[dict[str, Any]]
Documents = Sequence[Mapping[str, Any]]


class Query(Hashable, Protocol[_Answer]):
    """A query that can be loaded: a `Slice` of a cube, a `Page` or a `Lookup` of a table."""

    @property
    def source(self) -> type[Document]: ...
    @property
    def batch(self) -> Hashable: ...
    def merge(self, other: Self) -> Self: ...
    def pipeline(self) -> list[Stage]: ...
    def answer(self, documents: Documents) -> _Answer: ...


@dataclass(frozen=True)
class Read:
    """An aggregation of a collection; reads with an equal `key` return the same.

    With `uuid`, MongoDB refuses to read any other collection of that name. `batch_size` is how
    many documents are decoded at once; None if they are small.
    """

    collection: Collection
    pipeline: list[Stage]
    key: Hashable
    let: Mapping[str, Any] = field(default_factory=dict)
    uuid: Binary | None = None
    batch_size: int | None = None


@dataclass(frozen=True)
class QueryPlan:
    """The reads whose documents, put together, answer a query.

    The first read of a rollup's plan is of its cells, the others are of edges; a live plan has one
    read. `cube` is the name of the cube that is read, None for a table. `freshness` is None if the
    query is counted live. `cells_key` is the cache key of the documents; None if they must not be
    cached.
    """

    reads: Sequence[Read]
    cube: str | None = None
    freshness: Freshness | None = None
    cells_key: Hashable = None

    def of_version(self, version: Hashable) -> Self:
        """The plan, whose reads share none that began before the documents had a version."""
        if version is None:
            return self
        return replace(self, reads=[replace(each, key=(each.key, version)) for each in self.reads])


def live_plan(query: Query[Any]) -> QueryPlan:
    """Counts the documents."""
    return QueryPlan([_live_read(query)], query.cube.name if isinstance(query, Slice) else None)


def rollup_plan(
    one: Slice, plan: ReadPlan, state: State, cells: Collection, age: timedelta
) -> QueryPlan:
    """Reads cells of a rollup, and counts the edges of the window live.

    `state` is the rollup's, read `age` ago; `cells` the collection that it names.
    """
    # A read that began before the cells had this version is not shared.
    uuid = state.get("cells_uuid")
    version = state["cells"], uuid, state["version"], one
    reads = []
    # Cells and edges are of one moment: a keeper may write, and documents change, meanwhile.
    if plan.pipeline:
        cells = cells.with_options(read_concern=AsOf(state["snapshot"]))
        reads.append(Read(cells, plan.pipeline, version, uuid=uuid))
    if plan.edges:
        reads.append(_edges(plan.edges, state))
    from_rollup = bool(plan.pipeline)
    return QueryPlan(
        reads,
        one.cube.name,
        Freshness(one.cube.name, from_rollup, state["as_of"], lag(state, age)),
        version if one.window is None else None,
    )


def _edges(edges: Sequence[Slice], state: State) -> Read:
    """Counts all edges as of the resume position of a state, in one aggregation: they are small.

    It reads the primary, as cells are read: a secondary may lag, and would wait for the position.
    """
    position, uuid = state["position"], state.get("source_uuid")
    first, *others = edges
    read = _live_read(first)
    collection = read.collection.with_options(
        read_concern=AsOf(position), read_preference=ReadPreference.PRIMARY
    )
    union = (
        {"$unionWith": {"coll": collection.name, "pipeline": each.pipeline()}} for each in others
    )
    return replace(
        read,
        collection=collection,
        pipeline=[*read.pipeline, *union],
        key=(position, uuid, *edges),
        uuid=uuid,
    )


def _live_read(query: Query[Any]) -> Read:
    let = query.parameters if isinstance(query, Slice) else {}
    batch_size = getattr(query, "batch_size", None)
    collection = query.source.get_pymongo_collection()
    return Read(collection, query.pipeline(), query, let, batch_size=batch_size)
