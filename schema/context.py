"""The context of an operation: what resolvers get along with their arguments."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime

import strawberry

from auth.viewer import Viewer
from loaders.loader import Loader
from resolvers.exports import ExportLinks
from schema.execution.turns import Turns


@dataclass(frozen=True)
class OperationSummary:
    """What the log says of an operation: its name, the SHA-256 of its text, fields and cost.

    `fields` are the names of its root fields, each once. `characters` is the length of its text.
    """

    name: str | None
    characters: int
    hash: str
    fields: list[str]
    cost: int


@dataclass(slots=True)
class Context:
    """One request: the caller, the request's time, its loader and the signer of export links.

    `summary` is set once the operation is measured. `admit` holds the slots for work of a cost; it
    raises `ServiceUnavailable` or `TooManyRequests`. `trace` records the resolver of a field, by
    the field's name, for the time of a block.
    `turns` is set for an expensive operation: each of its root fields is completed in a turn of the
    event loop of its own, so that other requests come between. `limit_max` takes the place of the
    schema's bounds of `limit`.
    """

    viewer: Viewer
    now: datetime
    loader: Loader
    links: ExportLinks | None = None
    admit: Callable[[int], AbstractAsyncContextManager[None]] = lambda _: nullcontext()
    trace: Callable[[str], AbstractContextManager[object]] = lambda _: nullcontext()
    turns: Turns | None = None
    summary: OperationSummary | None = None
    limit_max: int | None = None


Info = strawberry.Info[Context, None]
