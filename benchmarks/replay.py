"""Headcount's `$group`s from bare PyMongo: recorded, and sent again in the same order."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pymongo.asynchronous.database import AsyncDatabase
from pymongo.monitoring import CommandListener, CommandStartedEvent, CommandSucceededEvent

Command = Mapping[str, Any]

# So often an operation is recorded: what is answered early by chance is not so each time.
_RECORDINGS: Final = 3


class Disagreement(Exception):
    """Contenders do different work, so that their times can't be compared."""


@dataclass(frozen=True)
class Group:
    """An aggregation, and the places of those that have to be answered before it is sent."""

    command: Command
    after: Collection[int]


class Sent(CommandListener):
    """The aggregations that were sent to MongoDB, and which had been answered by then."""

    def __init__(self) -> None:
        self._started: list[tuple[int, Command, int]] = []
        self._answered: list[int] = []

    def clear(self) -> None:
        """Forgets them all."""
        self._started.clear()
        self._answered.clear()

    def aggregations(self) -> Iterator[tuple[str, Command, set[str]]]:
        """(what it asks, command, what those ask that had been answered when it was sent)."""
        asks = {
            id: f"{command['aggregate']} {_ordered(command['pipeline'])}"
            for id, command, _ in self._started
        }
        for id, command, answered in self._started:
            yield asks[id], command, {asks[each] for each in self._answered[:answered]}

    def started(self, event: CommandStartedEvent) -> None:
        if event.command_name == "aggregate":
            sent = event.request_id, dict(event.command), len(self._answered)
            self._started.append(sent)

    def succeeded(self, event: CommandSucceededEvent) -> None:
        if event.command_name == "aggregate":
            self._answered.append(event.request_id)

    def failed(self, event: object) -> None:
        """Nothing: who sent it says so."""


async def groups(
    sent: Sent, answer: Callable[[], Awaitable[object]], collections: Collection[str]
) -> Sequence[Group]:
    """The `$group`s of these collections that an answer takes; raises `Disagreement`.

    Which of them need the answer of another is not said anywhere. But one that does is never sent
    before the other is answered. So each waits here for those that had been answered each time it
    was recorded. All others are sent at once, as Headcount does. What takes no `$group`, such as
    the explanation that tells what the indexes know, and the names of products, is left out,
    in favour of bare PyMongo.
    """
    commands: dict[str, Command] = {}
    before: dict[str, set[str]] = {}
    for _ in range(_RECORDINGS):
        sent.clear()
        await answer()
        recorded = list(sent.aggregations())
        for asked, command, answered in recorded:
            commands.setdefault(asked, command)
            before[asked] = before.get(asked, answered) & answered
        if len(recorded) != len(commands):
            raise Disagreement("Headcount asks something else each time.")
    counting = {
        asked: command
        for asked, command in commands.items()
        if command["aggregate"] in collections
        and any("$group" in stage for stage in command["pipeline"])
    }
    if missing := {*collections} - {command["aggregate"] for command in counting.values()}:
        raise Disagreement(f"Headcount groups nothing of {', '.join(missing)}: see operations.py.")
    places = {asked: place for place, asked in enumerate(counting)}
    return [
        Group(command, [places[each] for each in before[asked] if each in places])
        for asked, command in counting.items()
    ]


async def side_by_side(database: AsyncDatabase[dict[str, Any]], groups: Sequence[Group]) -> None:
    """Sends each as soon as those are answered that it waits for."""
    tasks: list[asyncio.Task[None]] = []

    async def send(group: Group) -> None:
        await asyncio.gather(*(tasks[place] for place in group.after))
        await _bare(database, group.command)

    tasks.extend(asyncio.create_task(send(group)) for group in groups)
    await asyncio.gather(*tasks)


async def one_by_one(database: AsyncDatabase[dict[str, Any]], groups: Sequence[Group]) -> None:
    """Sends each when the one before is answered."""
    for group in groups:
        await _bare(database, group.command)


def _ordered(value: Any) -> Any:
    """The same, but for the keys of each `$in`: these come in no order."""
    if isinstance(value, Mapping):
        return {
            name: sorted(map(str, each)) if name == "$in" else _ordered(each)
            for name, each in value.items()
        }
    return [*map(_ordered, value)] if isinstance(value, list) else value


async def _bare(database: AsyncDatabase[dict[str, Any]], command: Command) -> None:
    # The rest are options, or the driver's own.
    other = {"aggregate", "pipeline", "cursor", "lsid", "maxTimeMS"}
    options = {k: v for k, v in command.items() if k not in other and not k.startswith("$")}
    collection, pipeline = database[command["aggregate"]], command["pipeline"]
    cursor = await collection.aggregate(pipeline, **options, **command["cursor"])
    await cursor.to_list()
