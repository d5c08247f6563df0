"""Records Headcount's `$group` aggregations, and replays them with bare PyMongo."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pymongo.asynchronous.database import AsyncDatabase
from pymongo.monitoring import CommandListener, CommandStartedEvent, CommandSucceededEvent

Command = Mapping[str, Any]

# An operation is recorded several times, as the order of responses varies by chance.
_RECORDINGS: Final = 3


class Disagreement(Exception):
    """Contenders do different work: their times can't be compared."""


@dataclass(frozen=True)
class Group:
    """An aggregation, and the indexes of the groups whose responses it waits for."""

    command: Command
    after: Collection[int]


class CommandRecorder(CommandListener):
    """Records the aggregations, and for each the responses received before it was sent."""

    def __init__(self) -> None:
        self._started: list[tuple[int, Command, int]] = []
        self._answered: list[int] = []

    def clear(self) -> None:
        """Deletes the recording."""
        self._started.clear()
        self._answered.clear()

    def aggregations(self) -> Iterator[tuple[str, Command, set[str]]]:
        """Yields (key, command, keys of the aggregations that had been answered before)."""
        keys = {
            id: f"{command['aggregate']} {_ordered(command['pipeline'])}"
            for id, command, _ in self._started
        }
        for id, command, answered in self._started:
            yield keys[id], command, {keys[each] for each in self._answered[:answered]}

    def started(self, event: CommandStartedEvent) -> None:
        if event.command_name == "aggregate":
            sent = event.request_id, dict(event.command), len(self._answered)
            self._started.append(sent)

    def succeeded(self, event: CommandSucceededEvent) -> None:
        if event.command_name == "aggregate":
            self._answered.append(event.request_id)

    def failed(self, event: object) -> None:
        """Does nothing: the sender raises the error."""


async def groups(
    recorder: CommandRecorder,
    answer: Callable[[], Awaitable[object]],
    collections: Collection[str],
) -> Sequence[Group]:
    """The `$group` aggregations of an operation on `collections`; raises `Disagreement`.

    An aggregation that depends on another is always sent after the other's response. So each group
    waits for the responses that preceded it in every recording; all others are sent at once, as by
    Headcount. Reads without a `$group`, such as names of products, are left out in favour of bare
    PyMongo.
    """
    commands: dict[str, Command] = {}
    before: dict[str, set[str]] = {}
    for _ in range(_RECORDINGS):
        recorder.clear()
        await answer()
        recorded = list(recorder.aggregations())
        for key, command, answered in recorded:
            commands.setdefault(key, command)
            before[key] = before.get(key, answered) & answered
        if len(recorded) != len(commands):
            raise Disagreement("Headcount sends different aggregations each time.")
    counting = {
        key: command
        for key, command in commands.items()
        if command["aggregate"] in collections
        and any("$group" in stage for stage in command["pipeline"])
    }
    if missing := {*collections} - {command["aggregate"] for command in counting.values()}:
        raise Disagreement(f"Headcount does not aggregate {', '.join(missing)}: see operations.py.")
    indexes = {key: index for index, key in enumerate(counting)}
    return [
        Group(command, [indexes[each] for each in before[key] if each in indexes])
        for key, command in counting.items()
    ]


async def side_by_side(database: AsyncDatabase[dict[str, Any]], groups: Sequence[Group]) -> None:
    """Sends each group when the responses that it waits for have arrived."""
    tasks: list[asyncio.Task[None]] = []

    async def send(group: Group) -> None:
        await asyncio.gather(*(tasks[index] for index in group.after))
        await _bare(database, group.command)

    tasks.extend(asyncio.create_task(send(group)) for group in groups)
    await asyncio.gather(*tasks)


async def one_by_one(database: AsyncDatabase[dict[str, Any]], groups: Sequence[Group]) -> None:
    """Sends each group after the response to the previous one."""
    for group in groups:
        await _bare(database, group.command)


def _ordered(value: Any) -> Any:
    """The value with sorted `$in` lists, whose order varies."""
    if isinstance(value, Mapping):
        return {
            name: sorted(map(str, each)) if name == "$in" else _ordered(each)
            for name, each in value.items()
        }
    return [*map(_ordered, value)] if isinstance(value, list) else value


async def _bare(database: AsyncDatabase[dict[str, Any]], command: Command) -> None:
    # The other fields are options, or added by the driver.
    other = {"aggregate", "pipeline", "cursor", "lsid", "maxTimeMS"}
    options = {k: v for k, v in command.items() if k not in other and not k.startswith("$")}
    collection, pipeline = database[command["aggregate"]], command["pipeline"]
    cursor = await collection.aggregate(pipeline, **options, **command["cursor"])
    await cursor.to_list()
