"""The HTTP benchmark: checks that all servers respond alike, then puts the same load on each."""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from bson import json_util
from tqdm import tqdm

from benchmarks.contenders import Headcount
from benchmarks.data.dataset import NOW
from benchmarks.http import report
from benchmarks.http.cannon import PEERS, Question, Run, fire
from benchmarks.http.servers import HEADCOUNT, Server, running
from benchmarks.operations import EVENT_STATS, ORDER_STATS, Operation
from benchmarks.replay import CommandRecorder, Disagreement
from server.database import connect
from server.settings import PREFIX, Settings

CONNECTIONS: Final = 8
_VIEWER: Final = "{ viewer { role permissions } }"
# The fields of an `aggregate` that the peers replay; the driver adds the others.
_REPLAYED: Final = ("aggregate", "pipeline", "allowDiskUse", "collation", "let", "cursor")


@dataclass(frozen=True)
class Entrant:
    """A contender: its command, its settings, and its paths if it is no GraphQL server."""

    name: str
    command: Sequence[str]
    settings: Mapping[str, str] = field(default_factory=dict)
    paths: Mapping[str, str] | None = None

    def question(self, call: str, text: str) -> Question | None:
        """The request for a call; None if the server does not support it."""
        if self.paths is None:
            return Question(text)
        return Question(path=self.paths[call]) if call in self.paths else None


ENTRANTS: Final = (
    Entrant(report.HEADCOUNT, HEADCOUNT),
    Entrant(report.UNCOMPILED, HEADCOUNT, {f"{PREFIX}COMPILED": "off"}),
    Entrant(report.UNSHARED, HEADCOUNT, {f"{PREFIX}SHARED_READ_MS": "0"}),
    Entrant(report.MERCURIUS, ("node", str(PEERS / "mercurius.mjs"))),
    Entrant(report.YOGA, ("node", str(PEERS / "yoga.mjs"))),
    Entrant(
        report.REST,
        (sys.executable, "-m", "benchmarks.http.rest"),
        paths={EVENT_STATS: "/eventStats?limit=500"},
    ),
)


def measure(uri: str, settings: Settings, rounds: int, seconds: float) -> report.Measured:
    """Call → contender → runs. Raises `Disagreement` if responses differ."""
    texts, commands = asyncio.run(_recorded(uri, settings))
    with ExitStack() as stack:
        file = Path(stack.enter_context(TemporaryDirectory())) / "commands.json"
        file.write_text(commands)
        servers = [
            stack.enter_context(
                running(
                    one.name, one.command, uri, settings,
                    {f"{PREFIX}COMMANDS": str(file)} if one.command[0] == "node" else one.settings,
                )
            )
            for one in ENTRANTS
        ]  # fmt: skip
        with tqdm(total=len(texts) * (rounds + 1), unit=" rounds", desc="Load") as bar:
            return {call: _race(call, text, servers, rounds, seconds, bar) for call, text in texts}


def _race(
    call: str, text: str, servers: Sequence[Server], rounds: int, seconds: float, bar: Any
) -> Mapping[str, Sequence[Run]]:
    requests = [
        (server, question)
        for entrant, server in zip(ENTRANTS, servers, strict=True)
        if (question := entrant.question(call, text))
    ]
    expected, *others = ((server.name, _answer(server, question)) for server, question in requests)
    for name, answer in others:
        if answer != expected[1]:
            raise Disagreement(f"{call}: the response of {name} differs.")
    # The first run warms up, and gives the number of requests that take `seconds`.
    amounts = [
        max(CONNECTIONS, round(seconds * run.rate))
        for server, question in requests
        for run in [fire(server, question, connections=CONNECTIONS, seconds=seconds)]
    ]
    bar.update()
    runs: dict[str, list[Run]] = {server.name: [] for server, _ in requests}
    for _ in range(rounds):
        for (server, question), amount in zip(requests, amounts, strict=True):
            run = fire(server, question, connections=CONNECTIONS, amount=amount)
            runs[server.name].append(run)
        bar.update()
    return runs


def _answer(server: Server, question: Question) -> Any:
    with server.client() as client:
        response = client.request(
            question.method,
            question.path,
            content=question.body,
            headers={"content-type": "application/json"},
        )
    answer = response.json()
    if response.is_error or "errors" in answer:
        raise Disagreement(f"{server.name} failed: {response.text[:500]}")
    # Without `extensions`, which contain the freshness.
    return answer.get("data", answer)


async def _recorded(uri: str, settings: Settings) -> tuple[Sequence[tuple[str, str]], str]:
    """(call, text) of each operation, and JSON: root field → commands that Headcount sends."""
    recorder, headcount = CommandRecorder(), Headcount(settings, NOW)
    commands: dict[str, list[Mapping[str, Any]]] = {}
    async with connect(uri, settings, recorder) as database:
        event = await database["events"].find_one(sort=[("_id", 1)])
        key = event["_id"] if event else None
        timed = [Operation(call, ()) for call in (EVENT_STATS, f'event(id: "{key}")', ORDER_STATS)]
        for operation in timed:
            recorder.clear()
            await headcount.answer(operation.text)
            commands[operation.field] = [
                {name: command[name] for name in _REPLAYED if name in command}
                for _, command, _ in recorder.aggregations()
            ]
    texts = [(each.call, each.text) for each in timed]
    canonical = json_util.CANONICAL_JSON_OPTIONS
    return [*texts, ("viewer", _VIEWER)], json_util.dumps(commands, json_options=canonical)
