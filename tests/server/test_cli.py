"""The command line, run as a process."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import WriteError

from documents import DOCUMENTS
from server.embedded.mongod import embedded_mongod
from tests.commands import (
    PATIENCE,
    ask,
    environment,
    free_port,
    guarded_mongod,
    run,
    running,
)
from tests.conftest import SECRET
from tests.forks import Command
from tests.operations import SDL
from tests.proxy import Proxy

SCALE = "0.01"
# The last line that `headcount demo` prints.
WELCOMED = "Send a token with each request: 'Authorization: Bearer <token>'.\n"


@pytest.fixture(scope="module")
def database(mongodb_uri: str) -> Iterator[dict[str, str]]:
    """The settings of a database for one test."""
    name = f"headcount_cli_{uuid4().hex[:12]}"
    yield {"HEADCOUNT_MONGODB_URI": mongodb_uri, "HEADCOUNT_DATABASE": name}
    with MongoClient[dict[str, Any]](mongodb_uri) as client:
        client.drop_database(name)


def _failure(result: subprocess.CompletedProcess[str]) -> str:
    """The error line of a failed command."""
    assert result.returncode != 0
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("headcount: ")
    return line


# ---------------------------------------------------------------- schema, token


def test_schema_prints_the_committed_sdl(tmp_path: Path) -> None:
    assert run(tmp_path, "schema").stdout == SDL


def test_token_prints_a_token_of_the_configured_secret(tmp_path: Path) -> None:
    made = run(
        tmp_path, "token", "--role", "staff", "--permission", "view_customers",
        "--permission", "manage_inventory", "--ttl", "30m", HEADCOUNT_JWT_SECRET=SECRET,
    )  # fmt: skip
    claims = jwt.decode(made.stdout.strip(), SECRET, algorithms=["HS256"])
    assert claims["role"] == "staff"
    assert claims["permissions"] == ["view_customers", "manage_inventory"]
    assert claims["exp"] - claims["iat"] == 1800


def test_token_names_the_organizer(tmp_path: Path) -> None:
    made = run(
        tmp_path, "token", "--role", "organizer", "--organizer-id", "o-1",
        HEADCOUNT_JWT_SECRET=SECRET,
    )  # fmt: skip
    claims = jwt.decode(made.stdout.strip(), SECRET, algorithms=["HS256"])
    assert (claims["role"], claims["organizer_id"]) == ("organizer", "o-1")
    assert claims["exp"] - claims["iat"] == 3600


def test_each_token_has_an_id_of_its_own(tmp_path: Path) -> None:
    secrets = f"{'first' * 8},{'second' * 8}"
    made = [
        run(tmp_path, "token", "--role", "admin", HEADCOUNT_JWT_SECRETS=secrets).stdout.strip()
        for _ in range(2)
    ]
    ids = {jwt.decode(each, "first" * 8, algorithms=["HS256"])["jti"] for each in made}
    assert len(ids) == 2


@pytest.mark.parametrize(
    ("arguments", "settings", "words"),
    [
        (["token", "--role", "admin"], {}, ["HEADCOUNT_JWT_SECRET"]),
        (
            ["token", "--role", "admin"],
            {"HEADCOUNT_JWT_SECRET": SECRET, "HEADCOUNT_JWT_MAX_AGE": "900"},
            ["--ttl 900s", "HEADCOUNT_JWT_MAX_AGE"],
        ),
        (["token", "--role", "king"], {}, ["--role", "admin", "staff", "organizer"]),
        (["token", "--role", "admin", "--ttl", "long"], {}, ["long", "30m"]),
        (["token"], {}, ["--role"]),
        (["fly"], {}, ["fly"]),
        (["serve"], {}, ["HEADCOUNT_JWT_SECRET", "HEADCOUNT_JWT_JWKS"]),
        (["serve"], {"HEADCOUNT_JWT_SECRET": "short"}, ["HEADCOUNT_JWT_SECRET", "32 bytes"]),
        (
            ["export", "--report", "ticket-report", "--format", "csv", "-o", "file.csv"],
            {},
            ["--event-id", "--mobile-app-id", "for --report ticket-report."],
        ),
        (["serve"], {"HEADCOUNT_PORT": "x"}, ["HEADCOUNT_PORT", "integer"]),
        (["seed", "--scale", "-1"], {}, ["--scale"]),
        (["seed", "--scale", "nan"], {}, ["--scale", "nan"]),
        (["serve"], {"HEADCOUNT_REQUEST_TIMEOUT": "inf"}, ["HEADCOUNT_REQUEST_TIMEOUT", "3600"]),
    ],
)
def test_a_failing_command_prints_one_line_with_a_remedy(
    tmp_path: Path, arguments: list[str], settings: dict[str, str], words: list[str]
) -> None:
    line = _failure(run(tmp_path, *arguments, **settings))
    for word in words:
        assert word in line


# ---------------------------------------------------------------- seed, indexes


def test_seed_writes_only_into_an_empty_database(tmp_path: Path, database: dict[str, str]) -> None:
    result = run(tmp_path, "seed", "--scale", SCALE, **database)
    assert result.returncode == 0
    assert "documents" in result.stderr
    line = _failure(run(tmp_path, "seed", "--scale", SCALE, **database))
    assert "holds documents" in line
    assert "--drop" in line
    assert run(tmp_path, "seed", "--scale", SCALE, "--drop", **database).returncode == 0


def test_indexes_shows_and_builds_missing_indexes(tmp_path: Path, mongodb_uri: str) -> None:
    name = f"headcount_cli_{uuid4().hex[:12]}"
    settings = {"HEADCOUNT_MONGODB_URI": mongodb_uri, "HEADCOUNT_DATABASE": name}
    shown = run(tmp_path, "indexes", **settings).stdout.splitlines()
    assert shown
    assert all(": missing" in line for line in shown)
    assert "tickets: index on event_id, _id: missing" in shown
    note = "; refuses documents with arrays in two of its fields"
    refusing = [line for line in shown if line.endswith(note)]
    assert "analytics_events: index on created_at, _id, session_id, source: missing" in (
        line.split(";")[0] for line in refusing
    )
    alone = run(tmp_path, "indexes", "--covering", **settings)
    assert alone.returncode == 2
    assert "--covering requires --apply" in alone.stderr

    def applied(*options: str) -> list[str]:
        return run(tmp_path, "indexes", "--apply", *options, **settings).stdout.splitlines()

    for state in ("built", "exists"):
        safe = [line.replace("missing", state) for line in shown if line not in refusing]
        assert {*applied()} == {*refusing, *safe}
    with MongoClient[dict[str, Any]](mongodb_uri) as client:
        # Documents of other services, with arrays everywhere.
        for collection, document in DOCUMENTS.items():
            fields = document.model_fields.keys() - {"id"}
            client[name][collection].insert_one({field: [1, 2] for field in fields})
            client[name][collection].delete_many({})
        for state in ("built", "exists"):
            assert {*applied("--covering")} == {
                *(line.replace("missing", state) for line in refusing),
                *(line.replace("missing", "exists") for line in safe),
            }
        with pytest.raises(WriteError) as refused:
            client[name]["analytics_events"].insert_one({"session_id": [1, 2], "source": [1, 2]})
        assert refused.value.code == 171
        client.drop_database(name)


def test_an_index_that_begins_another_is_not_built(tmp_path: Path, mongodb_uri: str) -> None:
    name = f"headcount_cli_{uuid4().hex[:12]}"
    settings = {"HEADCOUNT_MONGODB_URI": mongodb_uri, "HEADCOUNT_DATABASE": name}
    built = run(tmp_path, "indexes", "--apply", "--covering", **settings).stdout.splitlines()
    assert "analytics_events: index on created_at, _id: exists" in built
    with MongoClient[dict[str, Any]](mongodb_uri) as client:
        assert len(client[name]["analytics_events"].index_information()) == 4
        client.drop_database(name)


def test_collections_may_have_other_names(tmp_path: Path, mongodb_uri: str) -> None:
    settings = {
        "HEADCOUNT_MONGODB_URI": mongodb_uri,
        "HEADCOUNT_DATABASE": f"headcount_cli_{uuid4().hex[:12]}",
        "HEADCOUNT_COLLECTIONS": '{"tickets": "my_tickets", "events": "shows"}',
        "HEADCOUNT_JWT_SECRET": SECRET,
    }
    assert run(tmp_path, "seed", "--scale", SCALE, **settings).returncode == 0
    bearer = run(tmp_path, "token", "--role", "admin", **settings).stdout.strip()
    with MongoClient[dict[str, Any]](mongodb_uri) as client:
        mongo = client[settings["HEADCOUNT_DATABASE"]]
        assert "tickets" not in mongo.list_collection_names()
        with running(tmp_path, "serve", **settings) as (_, url):
            overview = ask(url, bearer, "{ eventsOverview { totalEvents totalTicketsIssued } }")
        assert overview["data"]["eventsOverview"]["totalEvents"] == (
            mongo["shows"].count_documents({})
        )
        assert overview["data"]["eventsOverview"]["totalTicketsIssued"] > 0
        client.drop_database(mongo)


# ---------------------------------------------------------------- serve


def test_serve_reports_an_unreachable_database(tmp_path: Path) -> None:
    result = run(
        tmp_path, "serve", HEADCOUNT_JWT_SECRET=SECRET, HEADCOUNT_PORT="0",
        HEADCOUNT_MONGODB_URI="mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=300",
    )  # fmt: skip
    assert result.returncode == 1
    line = _failure(result)
    assert "can't be reached" in line
    assert "HEADCOUNT_MONGODB_URI" in line


@pytest.mark.parametrize(
    "uri",
    [
        "localhost:1",
        "mongodb://",
        "mongodb://:x@",
        "mongodb://a:b:c",
        "mongodb://a/?tls=true&tlsCAFile=/nope",
    ],
)
def test_serve_reports_an_invalid_uri(tmp_path: Path, uri: str) -> None:
    line = _failure(
        run(tmp_path, "serve", HEADCOUNT_JWT_SECRET=SECRET, HEADCOUNT_PORT="0",
             HEADCOUNT_MONGODB_URI=uri)
    )  # fmt: skip
    assert "HEADCOUNT_MONGODB_URI" in line


def test_serve_names_the_setting_of_an_option_that_the_driver_ignores(tmp_path: Path) -> None:
    result = run(
        tmp_path, "serve", HEADCOUNT_JWT_SECRET=SECRET, HEADCOUNT_PORT="0",
        HEADCOUNT_MONGODB_URI="mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=300&pool=9",
    )  # fmt: skip
    assert "HEADCOUNT_MONGODB_URI: Unknown option: pool" in result.stderr


def test_serve_logs_its_address_once(tmp_path: Path, database: dict[str, str]) -> None:
    log = tmp_path / "log"
    with running(
        tmp_path, "serve", log=str(log), HEADCOUNT_JWT_SECRET=SECRET, HEADCOUNT_WORKERS="2",
        **database,
    ) as (_, url):  # fmt: skip
        assert log.read_text().count(f"listening on {url}") == 1


def test_serve_reports_a_taken_port(tmp_path: Path, database: dict[str, str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        line = _failure(
            run(tmp_path, "serve", HEADCOUNT_JWT_SECRET=SECRET, HEADCOUNT_PORT=port, **database)
        )
    assert port in line
    assert "HEADCOUNT_PORT" in line


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_and_its_mongod(tmp_path: Path, number: signal.Signals) -> None:
    with running(tmp_path, "serve", HEADCOUNT_JWT_SECRET=SECRET) as (process, _):
        children = _children(process.pid)
        assert children
        process.send_signal(number)
        process.wait(timeout=PATIENCE)
        assert process.returncode == 0
        for child in children:
            assert not Path(f"/proc/{child}").exists()


def _children(pid: int) -> list[int]:
    children: list[str] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        # A thread may end meanwhile.
        with suppress(FileNotFoundError):
            children += (task / "children").read_text().split()
    return [*map(int, children)]


def test_workers_share_an_address_and_metrics_and_end_together(
    tmp_path: Path, database: dict[str, str]
) -> None:
    settings = {"HEADCOUNT_JWT_SECRET": SECRET, "HEADCOUNT_WORKERS": "2", **database}
    bearer = run(tmp_path, "token", "--role", "admin", **settings).stdout.strip()
    answer = {"data": {"viewer": {"role": "ADMIN"}}}
    with running(tmp_path, "serve", **settings) as (process, url):
        for _ in range(20):
            assert ask(url, bearer, "{ viewer { role } }") == answer
        # Each worker reports the metrics of all.
        figures = httpx.get(f"{url}/metrics").text
        assert 'headcount_http_requests_total{route="/graphql",status="200"} 20.0' in figures
        before = _children(process.pid)
        workers = [child for child in before if "spawn_main" in _command(child)]
        assert len(workers) == 2
        gauges = _gauges(workers[0])
        assert all(gauge.exists() for gauge in gauges)
        os.kill(workers[0], signal.SIGKILL)
        _wait_for_children(process.pid, 1, {*before})
        # Connections of a worker that has ended are not counted any more.
        assert not any(gauge.exists() for gauge in gauges)
        assert ask(url, bearer, "{ viewer { role } }") == answer
        children = _children(process.pid)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=PATIENCE)
        assert process.returncode == 0
        _wait_for_end(children)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_metrics_may_have_a_port_of_their_own(
    tmp_path: Path, database: dict[str, str], workers: str
) -> None:
    port = str(free_port())
    settings = {
        "HEADCOUNT_JWT_SECRET": SECRET,
        "HEADCOUNT_METRICS_PORT": port,
        "HEADCOUNT_WORKERS": workers,
        **database,
    }
    with running(tmp_path, "serve", **settings) as (_, url):
        own = f"http://127.0.0.1:{port}"
        assert "headcount_http_requests_total" in httpx.get(f"{own}/metrics").text
        assert httpx.get(f"{url}/metrics").status_code == 404
        for path in ("/healthz", "/readyz"):
            assert httpx.get(f"{own}{path}").status_code == 200
        for path in ("/graphql", "/metrics/admin-dashboard", "/"):
            assert httpx.get(f"{own}{path}").status_code == 404


def test_serve_reports_a_taken_port_of_metrics(tmp_path: Path, database: dict[str, str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        settings = {"HEADCOUNT_PORT": "0", "HEADCOUNT_METRICS_PORT": port, **database}
        line = _failure(run(tmp_path, "serve", HEADCOUNT_JWT_SECRET=SECRET, **settings))
    assert "set HEADCOUNT_HOST and HEADCOUNT_METRICS_PORT" in line


def test_workers_end_when_their_parent_is_killed(tmp_path: Path, database: dict[str, str]) -> None:
    settings = {"HEADCOUNT_JWT_SECRET": SECRET, "HEADCOUNT_WORKERS": "2", **database}
    with running(tmp_path, "serve", **settings) as (process, _):
        workers = [child for child in _children(process.pid) if "spawn_main" in _command(child)]
        process.kill()
        _wait_for_end(workers)


@pytest.fixture
def proxy(mongodb_uri: str) -> Iterator[tuple[Proxy, Callable[[Coroutine[Any, Any, None]], None]]]:
    """A proxy to MongoDB, and a function that runs its coroutines."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever)
    thread.start()

    def do(action: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(action, loop).result()

    made = Proxy(mongodb_uri)
    do(made.open())
    yield made, do
    do(made.cut())
    do(asyncio.sleep(0.1))
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def test_a_worker_that_starts_without_a_database_serves_once_it_is_connected(
    tmp_path: Path,
    database: dict[str, str],
    proxy: tuple[Proxy, Callable[[Coroutine[Any, Any, None]], None]],
) -> None:
    way, do = proxy
    settings = {"HEADCOUNT_JWT_SECRET": SECRET, **database, "HEADCOUNT_MONGODB_URI": way.uri}
    bearer = run(tmp_path, "token", "--role", "admin", **settings).stdout.strip()
    with running(tmp_path, "serve", HEADCOUNT_WORKERS="2", **settings) as (process, url):
        before = {*_children(process.pid)}
        workers = [child for child in before if "spawn_main" in _command(child)]
        do(way.cut())
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
        _wait_for_children(process.pid, 2, before)
        assert _status(url, "/healthz") == 200
        assert _status(url, "/readyz") == 503
        assert _status(url, "/graphql") == 503
        do(way.open())
        deadline = time.monotonic() + PATIENCE
        while {_status(url, "/readyz") for _ in range(10)} != {200}:
            assert time.monotonic() < deadline
        assert "errors" not in ask(url, bearer, "{ orderStats { totalOrders } }")


def _status(url: str, path: str) -> int:
    """The status of a response. Each request opens a connection, possibly to another worker."""
    while True:
        try:
            return httpx.get(f"{url}{path}", timeout=PATIENCE).status_code
        except httpx.TransportError:
            time.sleep(0.1)


def _wait_for_children(pid: int, number: int, before: set[int]) -> None:
    """Waits until a process has `number` children that are not in `before`."""
    deadline = time.monotonic() + PATIENCE
    while len({*_children(pid)} - before) < number:
        assert time.monotonic() < deadline, "no new child processes"
        time.sleep(0.05)


def _wait_for_end(processes: list[int]) -> None:
    deadline = time.monotonic() + PATIENCE
    while any(Path(f"/proc/{process}").exists() for process in processes):
        assert time.monotonic() < deadline, "the processes still run"
        time.sleep(0.05)


def _gauges(worker: int) -> list[Path]:
    """The files of a worker's gauges that are summed up with those of other workers."""
    environment = Path(f"/proc/{worker}/environ").read_text().split("\0")
    (folder,) = [each.partition("=")[2] for each in environment if "PROMETHEUS_MULTI" in each]
    files = [*Path(folder).glob(f"gauge_live*_{worker}.db")]
    assert files
    return files


def _command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()


def test_read_only_credentials_are_enough(tmp_path: Path) -> None:
    with guarded_mongod(tmp_path, "read") as (uri, _):
        settings = {"HEADCOUNT_MONGODB_URI": uri, "HEADCOUNT_JWT_SECRET": SECRET}
        bearer = run(tmp_path, "token", "--role", "admin", **settings).stdout.strip()
        with running(tmp_path, "serve", **settings) as (_, url):
            answer = ask(url, bearer, "{ eventStats { total events { title ticketsIssued } } }")
        assert answer["data"] == {
            "eventStats": {"total": 1, "events": [{"title": "A", "ticketsIssued": 0}]}
        }
        wrong = settings | {"HEADCOUNT_MONGODB_URI": uri.replace("only", "wrong")}
        assert "refused the user or password of HEADCOUNT_MONGODB_URI" in _failure(
            run(tmp_path, "serve", **wrong)
        )
        refused = _failure(run(tmp_path, "seed", "--scale", SCALE, "--drop", **settings))
        assert "not authorized" in refused
        built = run(tmp_path, "indexes", "--apply", **settings).stderr
        assert built.endswith("not authorized on headcount to execute command createIndexes\n")
        line = _failure(run(tmp_path, "serve", HEADCOUNT_ROLLUPS="on", **settings))
        assert "HEADCOUNT_ROLLUPS=on" in line
        assert "with auto" in line
        assert "dbAdmin" in line


# ---------------------------------------------------------------- demo


def test_demo_serves_every_role_and_reuses_its_data(tmp_path: Path) -> None:
    bearers: list[dict[str, str]] = []
    pages = []
    for _ in range(2):
        with running(tmp_path, "demo", "--scale", SCALE) as (process, url):
            assert process.stdout is not None
            output = "".join(iter(process.stdout.readline, WELCOMED))
            printed = dict(re.findall(r"^(\w+): (\S+)$", output, re.MULTILINE))
            bearers.append(printed)
            # Other commands reach the demo's data while it runs.
            addressed = {"HEADCOUNT_MONGODB_URI": printed["MongoDB"]}
            assert "headcount.tickets" in run(tmp_path, "rollups", "status", **addressed).stdout
            # A token of the first start is valid after the second.
            for role in ("admin", "staff", "organizer", "customer"):
                answer = ask(url, bearers[0][role], "{ viewer { role } }")
                assert answer == {"data": {"viewer": {"role": role.upper()}}}
            query = "{ eventStats { total events { eventId title ticketsIssued } } }"
            pages.append(ask(url, bearers[0]["admin"], query)["data"]["eventStats"])
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=PATIENCE)
    assert pages[0]["total"] > 0
    assert pages[0] == pages[1]


@contextmanager
def _embedded(folder: Path) -> Iterator[Database[dict[str, Any]]]:
    with embedded_mongod(folder / ".headcount") as uri, MongoClient[dict[str, Any]](uri) as client:
        yield client["headcount"]


def _demo_once(folder: Path) -> None:
    with running(folder, "demo", "--scale", SCALE) as (process, _):
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)


def test_a_demo_that_was_killed_while_seeding_is_seeded_again(tmp_path: Path) -> None:
    port = str(free_port())
    log = tmp_path / "log"
    settings = environment({"HEADCOUNT_PORT": port})
    with log.open("w") as file, Command(("demo", "--scale", "3"), tmp_path, settings, file) as demo:
        # Waits until it has written some of the documents.
        while not re.search(r"\b[1-9]\d*%", log.read_text()):
            assert demo.poll() is None
            time.sleep(0.01)
    with _embedded(tmp_path) as mongo:
        half = sum(mongo[name].count_documents({}) for name in DOCUMENTS)
        assert half > 0
    _demo_once(tmp_path)
    with _embedded(tmp_path) as mongo:
        assert mongo["headcount_demo"].find_one({"_id": "seed"}, {"whole": 1}) == {
            "_id": "seed",
            "whole": True,
        }
        counts = mongo["headcount_demo"].find_one({"_id": "seed"}) or {}
        for name, count in counts["counts"].items():
            assert mongo[name].count_documents({}) == count


def test_demo_replaces_incomplete_data_only_in_the_embedded_database(
    tmp_path: Path, mongodb_uri: str
) -> None:
    name = f"headcount_cli_{uuid4().hex[:12]}"
    settings = {"HEADCOUNT_MONGODB_URI": mongodb_uri, "HEADCOUNT_DATABASE": name}
    with MongoClient[dict[str, Any]](mongodb_uri) as client:
        client[name]["headcount_demo"].insert_one({"_id": "seed", "whole": False})
        client[name]["events"].insert_one({"title": "written since"})
        line = _failure(run(tmp_path, "demo", HEADCOUNT_PORT="0", **settings))
        assert "incomplete" in line
        assert "--drop" in line
        assert [e["title"] for e in client[name]["events"].find()] == ["written since"]
        client.drop_database(name)


def test_demo_changes_no_other_documents_of_the_embedded_database(tmp_path: Path) -> None:
    with _embedded(tmp_path) as mongo:
        mongo["events"].insert_one({"title": "mine"})
    _demo_once(tmp_path)
    with _embedded(tmp_path) as mongo:
        assert [event["title"] for event in mongo["events"].find()] == ["mine"]


def test_the_death_of_the_embedded_mongod_ends_the_server(tmp_path: Path) -> None:
    with running(tmp_path, "serve", HEADCOUNT_JWT_SECRET=SECRET) as (process, _):
        for child in _children(process.pid):
            os.kill(child, signal.SIGKILL)
        _, output = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert "the embedded MongoDB has ended" in output


def test_an_unknown_setting_is_logged(tmp_path: Path, database: dict[str, str]) -> None:
    settings = database | {"HEADCOUNT_JWT_SECRET": SECRET, "HEADCOUNT_PROT": "1"}
    (tmp_path / ".env").write_text("HEADCOUNT_MAX_CSOT=5\nOTHER=1\n")
    with running(tmp_path, "serve", **settings) as (process, _):
        process.send_signal(signal.SIGTERM)
        _, output = process.communicate(timeout=PATIENCE)
    assert "HEADCOUNT_PROT" in output
    assert "HEADCOUNT_MAX_CSOT" in output
    assert SECRET not in output


def test_demo_changes_no_documents_of_another_database(tmp_path: Path, mongodb_uri: str) -> None:
    name = f"headcount_cli_{uuid4().hex[:12]}"
    with MongoClient[dict[str, Any]](mongodb_uri) as client:
        client[name]["events"].insert_one({"title": "theirs"})
        settings = {"HEADCOUNT_MONGODB_URI": mongodb_uri, "HEADCOUNT_DATABASE": name}
        with running(tmp_path, "demo", "--scale", SCALE, **settings):
            assert [e["title"] for e in client[name]["events"].find()] == ["theirs"]
        client.drop_database(name)
