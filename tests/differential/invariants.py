"""Askers: threads that ask while documents change, and check totals that never change."""

import threading
import time

from tests.differential import reserved
from tests.differential.comparisons import Difference, check_freshness
from tests.differential.deployment import Replacements
from tests.differential.journal import Journal
from tests.differential.servers import Answer, Server, Unavailable


class Asker(threading.Thread):
    """Asks one server again and again; `difference` is the first that it finds."""

    def __init__(self, server: Server, replacements: Replacements, journal: Journal) -> None:
        super().__init__(name=f"asker of {server.name}", daemon=True)
        self._server = server
        self._replacements = replacements
        self._journal = journal
        self._ended = threading.Event()
        self.difference: Difference | None = None

    def run(self) -> None:
        while not self._ended.wait(0.05):
            began = time.monotonic()
            try:
                answer = self._server.ask(reserved.QUERY)
            except Unavailable as error:
                self._journal.count(f"while writing, {self._server.name}: {error}")
                self._ended.wait(0.2)
                continue
            try:
                self._check(answer, began)
            except Difference as difference:
                self.difference = self.difference or difference

    def end(self) -> None:
        """Ends the thread."""
        self._ended.set()
        self.join()

    def _check(self, answer: Answer, began: float) -> None:
        name = self._server.name
        if answer.errors or answer.data is None:
            raise Difference(f"{name} answered an error", reserved.QUERY, answer.errors, ())
        check_freshness(answer, reserved.QUERY)
        if not self._replacements.none_since(began):
            self._journal.count(f"totals of {name} that may change: not checked")
            return
        live = answer.live
        if wrong := [*reserved.differing_totals(answer.data, live)]:
            raise Difference(
                f"{name} answered totals of reserved documents wrongly, as of "
                f"{dict(answer.freshness)}",
                reserved.QUERY,
                wrong,
                [],
            )
        # No promise: a live count of a collection is of no single time.
        if live and [*reserved.differing_totals(answer.data, frozenset())]:
            self._journal.count(f"totals of {name} that differ where they were counted live")
        self._journal.count(f"totals of {name} that are right: {_sources(answer)}")


def _sources(answer: Answer) -> str:
    return "LIVE in part" if answer.live - {"events"} else "ROLLUP"
