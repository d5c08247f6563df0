"""`serve` counts the documents if rollups can't be read: without errors, and without zeros."""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from bson import Timestamp
from pymongo.database import Database

from documents.reads import QUERY_PLAN_KILLED
from tests.commands import PATIENCE, guarded_mongod, running
from tests.conftest import SECRET, token
from tests.forks import READ_CELLS
from tests.replica_set import Client, ReplicaSet, fail_point

_PURCHASES: Final = 10
_CELLS: Final = "headcount_cells."
# Longer than the server waits. Turning the fail point off waits for the commands that it blocks.
_SILENT: Final = {"blockConnection": True, "blockTimeMS": 3000}

Mongo = Database[dict[str, Any]]


def _ask(url: str, query: str) -> Any:
    response = httpx.post(
        f"{url}/graphql",
        json={"query": query},
        headers={"authorization": f"Bearer {token(role='admin')}"},
        timeout=PATIENCE,
    )
    return response.json()


def _sales(url: str) -> tuple[int, str]:
    """The number of purchases in a week, and the source in its freshness: ROLLUP or LIVE.

    A server reads the cells of a window each time: it caches those without a window only.
    """
    answer = _ask(url, "{ dashboardStats { totalSales } }")
    (cube,) = answer["extensions"]["freshness"]
    return answer["data"]["dashboardStats"]["totalSales"], cube["source"]


def _source(url: str, cube: str) -> str:
    """What `freshness` says of a cube."""
    found = _ask(url, "{ freshness { cube source } }")["data"]["freshness"]
    sources: dict[str, str] = {each["cube"]: each["source"] for each in found}
    return sources[cube]


def _until(found: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.02)


class Served:
    """A server whose rollups are in a database of their own, and its MongoDB."""

    def __init__(self, replica_set: ReplicaSet, url: str, client: Client, log: Path) -> None:
        self.url = url
        self.documents = client["headcount"]
        self.cells = client["cells"]
        self.member = replica_set.members[0]
        self._log = log

    def state(self) -> dict[str, Any]:
        """The state document of the purchases' rollup."""
        found = self.cells["headcount_rollups"].find_one({"rollup": "headcount.analytics_events"})
        assert found is not None
        return found

    def set(self, **fields: Any) -> None:
        """Changes fields of the state document."""
        self.cells["headcount_rollups"].update_one({"_id": self.state()["_id"]}, {"$set": fields})

    def name_uuids(self) -> None:
        """Writes the UUIDs of both collections into the state document."""
        self.set(
            cells_uuid=_uuid(self.cells, self.state()["cells"]),
            source_uuid=_uuid(self.documents, "analytics_events"),
        )

    @contextmanager
    def changed_state(self, **fields: Any) -> Iterator[None]:
        """A state with wrong fields, which no keeper corrects inside the block."""
        state = self.state()
        right = {name: state[name] for name in ("as_of", "position", "version", "cells")}
        lease = {"owner": "nobody", "expires_at": datetime.now(UTC) + timedelta(hours=1)}
        self.set(**lease, **fields)
        yield
        self.set(owner="nobody", expires_at=datetime.now(UTC), **right)

    def recover(self) -> None:
        """Waits until the rollup is read."""
        _until(lambda: _sales(self.url) == (_PURCHASES, "ROLLUP"))

    def logged(self, text: str) -> int:
        """How often a text is in the server's log."""
        return self._log.read_text().count(text)

    def fallbacks(self) -> float:
        """The live counts in place of rollups so far."""
        figures = httpx.get(f"{self.url}/metrics").text
        found = re.findall(r"^headcount_rollup_fallbacks_total\{.*\} (.*)$", figures, re.MULTILINE)
        return sum(map(float, found))

    def assert_live(self) -> None:
        """Asserts that purchases are counted, and that the answer and `freshness` say so."""
        before = self.fallbacks()
        assert _sales(self.url) == (_PURCHASES, "LIVE")
        assert _source(self.url, "purchases") == "LIVE"
        assert self.fallbacks() > before


def _uuid(database: Mongo, collection: str) -> Any:
    (found,) = database.list_collections(filter={"name": collection})
    return found["info"]["uuid"]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("fallback")
    with (
        ReplicaSet(folder, size=1) as replica_set,
        Client(replica_set.uri) as client,
    ):
        purchase = {"event_type": "purchase", "created_at": datetime.now(UTC) - timedelta(days=2)}
        client["headcount"]["analytics_events"].insert_many(
            [purchase | {"_id": number} for number in range(_PURCHASES)]
        )
        settings = {
            "HEADCOUNT_MONGODB_URI": replica_set.uri,
            "HEADCOUNT_ROLLUPS_DATABASE": "cells",
            "HEADCOUNT_JWT_SECRET": SECRET,
            "HEADCOUNT_REQUEST_TIMEOUT": str(PATIENCE),
            **READ_CELLS,
        }
        log = folder / "log"
        with running(folder, "serve", log=str(log), **settings) as (_, url):
            yield Served(replica_set, url, client, log)


@pytest.fixture(autouse=True)
def recovered(request: pytest.FixtureRequest) -> None:
    """Each test begins with a rollup that is read."""
    if "served" in request.fixturenames:
        request.getfixturevalue("served").recover()


def _failing(served: Served, collection: str, **data: Any) -> AbstractContextManager[None]:
    """Aggregations of a collection of the rollups' database fail, or hang."""
    namespace = f"cells.{collection}"
    return fail_point(
        served.member, "failCommand", failCommands=["aggregate"], namespace=namespace, **data
    )


@pytest.mark.parametrize(
    "failure",
    [{"errorCode": 13}, {"closeConnection": True}, _SILENT],
    ids=["refused", "closed", "silent"],
)
@pytest.mark.parametrize("what", ["states", "cells"])
def test_states_and_cells_that_cannot_be_read_are_counted_live(
    served: Served, what: str, failure: Mapping[str, Any]
) -> None:
    began, ended = "a rollup can't be read", "a rollup can be read again"
    before = served.logged(began), served.logged(ended)
    collection = "headcount_rollups" if what == "states" else served.state()["cells"]
    with _failing(served, collection, **failure):
        for _ in range(3):
            served.assert_live()
    served.recover()
    assert (served.logged(began), served.logged(ended)) == (before[0] + 1, before[1] + 1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"as_of": "yesterday"},
        {"position": None},
        # After the time that the state is read at.
        {"position": Timestamp(4_000_000_000, 1)},
    ],
    ids=str,
)
def test_a_state_that_makes_no_sense_is_not_read(served: Served, wrong: Mapping[str, Any]) -> None:
    with served.changed_state(**wrong):
        served.assert_live()


def test_cells_that_are_dropped_or_replaced_are_not_read(served: Served) -> None:
    served.name_uuids()
    served.recover()
    cells = served.state()["cells"]
    served.cells.drop_collection(cells)
    served.assert_live()
    served.cells.create_collection(cells)
    served.assert_live()
    # The keeper builds new ones.
    served.cells["headcount_rollups"].delete_one({"_id": served.state()["_id"]})


def test_a_dropped_database_of_rollups_is_not_read(served: Served) -> None:
    served.name_uuids()
    served.recover()
    served.cells.client.drop_database(served.cells)
    served.assert_live()


def test_edges_of_a_collection_that_was_replaced_are_not_read(served: Served) -> None:
    # As of a time before the collection was replaced, MongoDB reads no document.
    served.name_uuids()
    served.set(source_uuid=_uuid(served.cells, served.state()["cells"]))
    served.assert_live()
    served.name_uuids()


@pytest.mark.parametrize(
    ("killed", "mode", "code"),
    [
        (QUERY_PLAN_KILLED, {"times": 1}, None),
        (QUERY_PLAN_KILLED, "alwaysOn", "SERVICE_UNAVAILABLE"),
        # By an operator: what is too much for MongoDB must not be asked for again.
        (11601, {"times": 1}, "SERVICE_UNAVAILABLE"),
    ],
)
def test_a_read_that_mongodb_ends_is_repeated_where_the_collection_was_replaced(
    served: Served, killed: int, mode: Any, code: str | None
) -> None:
    fails: dict[str, Any] = {"failCommands": ["aggregate"], "errorCode": killed}
    with fail_point(served.member, "failCommand", mode, namespace="headcount.events", **fails):
        answer = _ask(served.url, "{ eventsOverview { totalEvents } }")
    assert [each["extensions"]["code"] for each in answer.get("errors", ())] == [code] * bool(code)
    assert (answer["data"]["eventsOverview"] is None) == (code is not None)


def test_live_counts_that_replace_cells_are_bounded(served: Served) -> None:
    slow = fail_point(
        served.member,
        "failCommand",
        failCommands=["aggregate"],
        namespace="headcount.analytics_events",
        appName="headcount",
        blockConnection=True,
        blockTimeMS=500,
    )
    counts = {"command.aggregate": "analytics_events", "appName": "headcount"}
    most = 0
    stale = served.changed_state(as_of=datetime(2026, 1, 1, tzinfo=UTC))
    with stale, slow, ThreadPoolExecutor(8) as threads:
        answers = [threads.submit(_sales, served.url) for _ in range(8)]
        while not all(answer.done() for answer in answers):
            found = served.documents.client.admin.aggregate(
                [{"$currentOp": {"idleCursors": False}}, {"$match": counts}]
            )
            most = max(most, len([*found]))
    assert {answer.result() for answer in answers} == {(_PURCHASES, "LIVE")}
    assert most == 4


def test_rights_that_are_taken_away_lead_to_live_counts(tmp_path: Path) -> None:
    with guarded_mongod(tmp_path, "readWrite") as (uri, root):
        roles = [{"role": role, "db": "headcount"} for role in ("readWrite", "dbAdmin")]
        on_cells = [{"role": "readWrite", "db": "cells"}]
        root.admin.command("updateUser", "limited", roles=roles + on_cells)
        purchase = {"event_type": "purchase", "created_at": datetime.now(UTC) - timedelta(days=2)}
        root["headcount"]["analytics_events"].insert_one(purchase)
        settings = {
            "HEADCOUNT_MONGODB_URI": uri,
            "HEADCOUNT_ROLLUPS_DATABASE": "cells",
            **READ_CELLS,
        }
        with running(tmp_path, "serve", HEADCOUNT_JWT_SECRET=SECRET, **settings) as (_, url):
            _until(lambda: _sales(url) == (1, "ROLLUP"))
            root.admin.command("updateUser", "limited", roles=roles)
            _until(lambda: _sales(url) == (1, "LIVE"))
            assert 'fallbacks_total{reason="refused"}' in httpx.get(f"{url}/metrics").text
            root.admin.command("updateUser", "limited", roles=roles + on_cells)
            _until(lambda: _sales(url) == (1, "ROLLUP"))
