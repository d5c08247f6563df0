"""One run: writes and disturbances, step by step, and comparisons after each step."""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

from pymongo.errors import PyMongoError

from tests.differential import comparisons, snapshots
from tests.differential.comparisons import Difference
from tests.differential.deployment import Deployment, deployed
from tests.differential.disturbances import DISTURBANCES
from tests.differential.invariants import Asker
from tests.differential.journal import Journal

LEAST_ROLLUP: Final = 0.4
"""The least share of reads of cells among reads of cubes that have cells."""

_SETTLE_SECONDS: Final = 20.0


@dataclass(frozen=True)
class Options:
    """What a run does: `seed` decides everything else."""

    seed: int
    without: frozenset[str] = frozenset()
    """Disturbances and kinds of values that are left out."""
    only: frozenset[str] = frozenset()
    """The disturbances to choose from; all if empty."""
    script: Sequence[str] = ()
    """The disturbances of the steps, one each, over and over; random if empty."""
    going_on: bool = False
    """Whether a run goes on after a difference."""
    printing: bool = True

    @property
    def disturbances(self) -> Sequence[str]:
        """The names of the disturbances to choose from."""
        return [
            name
            for name in DISTURBANCES
            if name not in self.without and (name in self.only or not self.only)
        ]


@dataclass(frozen=True)
class Outcome:
    """What a run found and did."""

    differences: Sequence[str]
    """A report of each difference."""
    rollup_share: float
    """The share of reads of cells among reads of cubes that have cells."""


def run(options: Options, goes_on: Callable[[int], bool]) -> Outcome:
    """Runs steps while `goes_on` is true of the number of steps so far.

    The folder of a run with a difference stays; its report names it.
    """
    folder = Path(tempfile.mkdtemp(prefix="headcount-differential-"))
    journal = Journal(folder, printing=options.printing)
    journal.line(f"seed {options.seed}, {folder}, {options}", shown=True)
    differences: list[str] = []
    with deployed(folder, options.seed, journal, options.without) as deployment:
        steps = Steps(options, deployment)
        while goes_on(journal.step):
            journal.step += 1
            try:
                steps.one()
            except Difference as difference:
                report = _report(options, deployment, difference)
                differences.append(report)
                journal.line(f"difference {len(differences)}")
                journal.show(report)
                (folder / f"difference-{len(differences)}.txt").write_text(report)
                if not options.going_on:
                    break
                deployment.servers[0].command("rollups", "build")
                steps.forget_differences()
        _count_builds(deployment)
    share = _rollup_share(journal)
    journal.line(f"done\n{journal.summary()}\n{share:9.0%} of reads were of cells", shown=True)
    journal.close()
    if not differences:
        shutil.rmtree(folder)
    return Outcome(differences, share)


class Steps:
    """The steps of a run."""

    def __init__(self, options: Options, deployment: Deployment) -> None:
        self._deployment = deployment
        self._chance = Random(f"{options.seed}/steps")
        self._options = options
        self._differences_found = 0

    def one(self) -> None:
        """Writes and disturbs for some seconds, then compares; raises `Difference`."""
        deployment, chance = self._deployment, self._chance
        # Fewer writes leave fewer times to walk back through.
        deployment.traffic.pause_seconds = chance.choice([0.003, 0.02, 0.1])
        with self._asking() as askers:
            deployment.traffic.resume()
            time.sleep(chance.uniform(0, 2))
            for name in self._chosen():
                self._disturb(name)
                time.sleep(chance.choice([0, chance.uniform(0, 3)]))
            deployment.traffic.pause()
        with comparisons.with_cells(deployment.database, deployment.servers[0]):
            for asker in askers:
                if asker.difference is not None:
                    raise asker.difference
            self._compare()

    def forget_differences(self) -> None:
        """Reports no difference again that a keeper found before."""
        self._differences_found = self._found_by_keepers()

    def _found_by_keepers(self) -> int:
        return sum(state.get("differences", 0) for state in self._deployment.states())

    def _chosen(self) -> Sequence[str]:
        """The disturbances of the step."""
        script = self._options.script
        if script:
            return [script[(self._deployment.journal.step - 1) % len(script)]]
        names = self._options.disturbances
        weights = [DISTURBANCES[name].weight for name in names]
        return self._chance.choices(names, weights, k=self._chance.choice([0, 1, 1, 2]))

    def _disturb(self, name: str) -> None:
        deployment, chance = self._deployment, self._chance
        disturbance = DISTURBANCES[name]
        replacing: Any = (
            deployment.replacements.going_on() if disturbance.replaces else nullcontext()
        )
        with replacing, deployment.journal.timed(f"disturbance {name}"):
            try:
                disturbance.run(deployment, chance)
            except PyMongoError as error:
                # Part of it happened: the comparison that follows holds nevertheless.
                deployment.journal.line(f"disturbance {name} failed: {error}", shown=True)
                deployment.journal.count(f"disturbances that failed: {name}")
                return
            finally:
                if disturbance.replaces:
                    deployment.reserved.restore_total(deployment.database)
        deployment.journal.count(f"disturbances: {name}")

    @contextmanager
    def _asking(self) -> Iterator[Sequence[Asker]]:
        deployment = self._deployment
        askers = [
            Asker(server, deployment.replacements, deployment.journal)
            for server in deployment.servers
        ]
        for asker in askers:
            asker.start()
        try:
            yield askers
        finally:
            for asker in askers:
                asker.end()

    def _compare(self) -> None:
        deployment, chance, journal = self._deployment, self._chance, self._deployment.journal
        last = snapshots.now(deployment.database)
        journal.line(f"compares as of {last}", shown=True)
        given = deployment.database, deployment.servers, chance, journal, last
        comparisons.compare_recent(*given)
        comparisons.compare(*given)
        if chance.random() < 0.7:
            self._await_cells()
            comparisons.compare_recent(*given)
            comparisons.compare(*given)
        if chance.random() < 0.3:
            comparisons.compare_export(*given)
        if chance.random() < 0.3:
            comparisons.verify(chance.choice(deployment.servers), journal)
        self._check_states()

    def _await_cells(self) -> None:
        """Waits until the servers read cells; gives up after some seconds."""
        deployment = self._deployment
        deadline = time.monotonic() + _SETTLE_SECONDS
        query = "{ freshness { cube source } }"
        for server in deployment.servers:
            while True:
                data = server.ask_patiently(query).data or {"freshness": []}
                live = {
                    each["cube"]
                    for each in data["freshness"]
                    if each["source"] == "LIVE" and each["cube"] in comparisons.ROLLED_UP
                }
                if not live:
                    break
                if time.monotonic() > deadline:
                    still = f"{server.name} still counts live: {sorted(live)}"
                    deployment.journal.line(still, shown=True)
                    deployment.journal.count("waits for cells that were given up")
                    break
                time.sleep(0.2)

    def _check_states(self) -> None:
        """Raises `Difference` if a keeper itself found cells that differ."""
        found = self._found_by_keepers()
        if found > self._differences_found:
            raise Difference("a keeper found cells that differ", "", found, 0)


def _report(options: Options, deployment: Deployment, difference: Difference) -> str:
    """Everything that helps to find the cause of a difference."""
    journal = deployment.journal
    return "\n".join(
        [
            f"DIFFERENCE in step {journal.step} with seed {options.seed}; {deployment.folder}",
            str(difference),
            "The last lines of the journal:",
            *journal.last(),
        ]
    )


def _count_builds(deployment: Deployment) -> None:
    for state in deployment.states():
        for figure in ("builds", "changes", "batches", "checks"):
            deployment.journal.count(f"{figure} of cells, by the states", state.get(figure, 0))


def _rollup_share(journal: Journal) -> float:
    read = {
        source: sum(
            number
            for kind, number in journal.counts.items()
            if kind.startswith("cubes read by") and kind.endswith(f": {source}")
        )
        for source in ("ROLLUP", "LIVE")
    }
    return read["ROLLUP"] / max(1, sum(read.values()))
