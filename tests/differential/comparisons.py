"""Comparisons: servers' answers against the oracle's, and cells against a fresh count."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

from bson import Timestamp
from pymongo.database import Database
from pymongo.errors import OperationFailure

from tests import oracle_exports
from tests.commands import PATIENCE
from tests.differential import snapshots
from tests.differential.journal import Journal
from tests.differential.queries import ONE_COLLECTION, Query, of_one_collection, random_queries
from tests.differential.servers import Answer, Server, Unavailable
from tests.differential.snapshots import Snapshot

Mongo = Database[dict[str, Any]]

STATES: Final = "headcount_rollups"
"""The collection of state documents."""
STALE: Final = timedelta(seconds=2)
"""The largest lag of cells that are read."""
RECENT: Final = 15
"""An answer must equal the oracle's as of a time within so many seconds."""

ROLLED_UP: Final = frozenset(
    {
        *("tickets", "promo tickets", "orders", "promo codes", "users"),
        *("behaviour", "product activity", "purchases"),
    }
)
"""The cubes that have cells."""

_CLOCK_SLACK: Final = timedelta(milliseconds=250)


@dataclass
class Difference(Exception):
    """A server's answer, or a cell, that is not what the oracle computes."""

    what: str
    query: str
    answered: object
    expected: object
    cells: str = ""
    """The state documents, and the cells that differ from a fresh count."""

    def __str__(self) -> str:
        differing = [*_differences("", self.answered, self.expected)]
        return "\n".join(
            [
                self.what,
                f"query: {self.query}",
                *(f"  {line}" for line in differing[:40]),
                f"answered: {self.answered}",
                f"expected: {self.expected}",
                self.cells,
            ]
        )


@contextmanager
def with_cells(database: Mongo, server: Server) -> Iterator[None]:
    """Adds the states and differing cells of a database to a `Difference` in the block."""
    try:
        yield
    except Difference as difference:
        states = [str(state) for state in database[STATES].find()]
        code, output = server.command("rollups", "verify")
        cells = f"headcount rollups verify exits with {code}:\n{output[:5_000]}"
        difference.cells = "\n".join(["State documents:", *states, cells])
        raise


def compare(
    database: Mongo, servers: Sequence[Server], chance: Random, journal: Journal, at: Timestamp
) -> None:
    """Compares answers as of `at` or later; no document changes meanwhile.

    Raises `Difference`.
    """
    snapshot = snapshots.read(database, at)
    for query in random_queries(chance, snapshot.data):
        for server in servers:
            answer = _asked(server, query, at)
            check_freshness(answer, query.text)
            _count(journal, answer, "readAfter")
            found, expected = _both(query, answer, snapshot)
            if found == expected:
                continue
            if snapshots.read(database, snapshots.now(database)).digest != snapshot.digest:
                # A write of a member that was killed was still on its way.
                journal.line("documents changed during a comparison", shown=True)
                journal.count("comparisons of documents that changed")
                return
            raise Difference(
                f"{server.name} answered {query.name} wrongly with readAfter {at}, as of "
                f"{dict(answer.freshness)}",
                f"{query.text} {dict(query.variables)}",
                found,
                expected,
            )


def compare_recent(
    database: Mongo, servers: Sequence[Server], chance: Random, journal: Journal, last: Timestamp
) -> None:
    """Compares answers without `readAfter`: they are of a recent time, and say which.

    `last` is after the last write. Raises `Difference`.
    """
    name = chance.choice([*ONE_COLLECTION])
    query = of_one_collection(name)
    for server in servers:
        answer = _asked(server, query)
        check_freshness(answer, query.text)
        _count(journal, answer, "no readAfter")
        _check_recent(database, query, name, answer, last, journal)


def compare_export(
    database: Mongo, servers: Sequence[Server], chance: Random, journal: Journal, last: Timestamp
) -> None:
    """Compares the events dashboard's file. It is as of a time that is at most 2 s ago.

    Raises `Difference`.
    """
    filters: dict[str, Any] = {
        "event_type": chance.choice([None, "concert", "reserved"]),
        "active_only": chance.random() < 0.3,
    }
    given = {"active_only": str(filters["active_only"]).lower()}
    if filters["event_type"]:
        given["event_type"] = filters["event_type"]
    # `last` is before now: any file has all writes.
    time.sleep(1.5 * STALE.total_seconds())
    expected = oracle_exports.events(snapshots.read(database, last).data, **filters)
    for server in servers:
        try:
            found = server.export(given)["events"]
        except Unavailable as error:
            journal.count(f"files of {server.name} that are not there: {error}")
            continue
        journal.count(f"files of {server.name}")
        if found != expected:
            raise Difference(f"{server.name} wrote another file", str(given), found, expected)


def verify(server: Server, journal: Journal) -> None:
    """Compares all cells with a fresh count, once there are some; raises `Difference`."""
    deadline = time.monotonic() + PATIENCE
    while True:
        code, output = server.command("rollups", "verify")
        if not code:
            journal.count("headcount rollups verify: exact")
            return
        if "differences" in output:
            raise Difference("headcount rollups verify", "", output, "exact")
        # Cells are being built, or their time can't be read.
        journal.count("headcount rollups verify: not possible for now")
        assert time.monotonic() < deadline, output
        time.sleep(1)


def check_freshness(answer: Answer, query: str) -> None:
    """Raises `Difference` if the answer says something impossible of its freshness."""
    for cube, of in answer.freshness.items():
        as_of = datetime.fromisoformat(of["asOf"])
        if as_of > answer.answered_at + _CLOCK_SLACK:
            raise Difference(
                f"{answer.server} says that {cube} is as of a time to come",
                query,
                of["asOf"],
                f"{answer.answered_at} at most",
            )
        if of["source"] == "ROLLUP" and timedelta(milliseconds=of["lagMs"]) > STALE:
            raise Difference(f"{answer.server} read stale cells of {cube}", query, dict(of), STALE)


def _asked(server: Server, query: Query, after: Timestamp | None = None) -> Answer:
    try:
        return server.ask_patiently(query.text, query.variables, after)
    except Unavailable as error:
        what = f"{server.name} did not answer {query.name} for {PATIENCE:.0f} s"
        raise Difference(what, query.text, str(error), "an answer") from error


def _both(query: Query, answer: Answer, snapshot: Snapshot) -> tuple[object, object]:
    """(what the server answered, what the oracle answers)."""
    if answer.errors or answer.data is None:
        return answer.errors, ()
    root = next(name for name in answer.data if name != "clock")
    return answer.data[root], query.expected(snapshot.data, query.now(answer.data))


def _count(journal: Journal, answer: Answer, how: str) -> None:
    for of in answer.freshness.values():
        if of["cube"] in ROLLED_UP:
            journal.count(f"cubes read by {answer.server}, {how}: {of['source']}")


def _check_recent(
    database: Mongo, query: Query, name: str, answer: Answer, last: Timestamp, journal: Journal
) -> None:
    """Walks back from the last write to the documents that the answer shows."""
    claimed = max(
        (datetime.fromisoformat(of["asOf"]) for of in answer.freshness.values()),
        default=answer.asked_at,
    )
    digest = ""
    shown = list[tuple[object, object]]()
    # The time of the first write that the documents lack; none for the last documents.
    lacking: datetime | None = None
    for at, wall in _times(database, last):
        try:
            snapshot = snapshots.read(database, at, name)
        except OperationFailure as error:
            # The collection, or an index of it, is newer.
            journal.count(f"recent answers that can't be compared: code {error.code}")
            return
        if snapshot.digest != digest:
            digest = snapshot.digest
            found, expected = _both(query, answer, snapshot)
            shown.append((found, expected))
            if found == expected:
                if lacking is not None and claimed > lacking + _CLOCK_SLACK:
                    raise Difference(
                        f"{answer.server} says that {query.name} is newer than it is",
                        query.text,
                        f"{dict(answer.freshness)}",
                        f"before {lacking}, as the answer lacks a write of that time",
                    )
                which = "the last" if lacking is None else "an earlier"
                journal.count(f"recent answers that equal {which} state")
                return
        lacking = wall
    live = [of for of in answer.freshness.values() if of["source"] == "LIVE"]
    if len(live) > 1 and _equal_by_field(shown):
        # Each count is of its own time, and secondaries lag by different times.
        journal.count("recent answers of live counts that are of several times")
        return
    raise Difference(
        f"{answer.server} answered {query.name} as of no time within {RECENT} s before {last}, "
        f"but as of {dict(answer.freshness)}",
        query.text,
        *shown[0],
    )


def _equal_by_field(shown: Sequence[tuple[object, object]]) -> bool:
    """Whether each field of an answer equals the one of some state.

    `shown` are (the answer, what the oracle answers) for each state.
    """
    answers = [
        (found, expected)
        for found, expected in shown
        if isinstance(found, Mapping) and isinstance(expected, Mapping)
    ]
    return bool(answers) and all(
        any(found[field] == expected[field] for found, expected in answers)
        for field in answers[0][0]
    )


def _times(database: Mongo, last: Timestamp) -> Iterator[tuple[Timestamp, datetime]]:
    """(cluster time, clock) of `last` and of the writes of the seconds before, the newest first."""
    since = Timestamp(max(0, last.time - RECENT), 0)
    for at, wall in snapshots.times_of_writes(database, since):
        if at <= last:
            yield at, wall


def _differences(path: str, answered: object, expected: object) -> Iterator[str]:
    """The paths at which two answers differ, with both values."""
    if isinstance(answered, Mapping) and isinstance(expected, Mapping):
        for name in [*answered, *(each for each in expected if each not in answered)]:
            yield from _differences(f"{path}.{name}", answered.get(name), expected.get(name))
    elif isinstance(answered, list) and isinstance(expected, list):
        if len(answered) != len(expected):
            yield f"{path}: {len(answered)} answered, {len(expected)} expected"
        for number, (one, other) in enumerate(zip(answered, expected, strict=False)):
            yield from _differences(f"{path}[{number}]", one, other)
    elif answered != expected:
        yield f"{path}: answered {answered!r}, expected {expected!r}"
