"""The server of the pages: content security policy, caching, tokens of a demo."""

import gzip
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from pydantic import SecretStr
from pymongo import MongoClient
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.database import Database

import schema
from documents import DOCUMENTS
from server.commands.seeding import seed
from server.embedded.demo_access import DemoAccess, demo_access
from server.http import application as app
from server.http import console
from server.settings import Settings
from tests.commands import ask, running
from tests.conftest import SECRET, client

HTML = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
BUILT = console.BUILT
needs_pages = pytest.mark.skipif(not BUILT.exists(), reason="needs the built pages")

Serve = Any
ROLE = "{ viewer { role } }"


@pytest.fixture
def serve(database: AsyncDatabase[dict[str, Any]], server_settings: Settings) -> Serve:
    """A client of a server with changed settings."""

    @asynccontextmanager
    async def serve(
        demo: DemoAccess | None = None, **changed: Any
    ) -> AsyncIterator[httpx.AsyncClient]:
        settings = server_settings.model_copy(update=changed)
        async with client(app.create(settings, database, demo=demo)) as http:
            yield http

    return serve


def _settings(page: str) -> Any:
    found = re.search(r'<script id="settings" type="application/json">(.*)</script>', page)
    assert found is not None
    return json.loads(found[1])


def _policy(response: httpx.Response) -> dict[str, str]:
    rules = response.headers["content-security-policy"].split("; ")
    return dict(rule.split(" ", 1) for rule in rules)


@needs_pages
@pytest.mark.parametrize("path", ["/", "/graphql", "/docs"])
async def test_a_page_has_a_strict_content_security_policy(serve: Serve, path: str) -> None:
    async with serve(dashboard=True) as http:
        page = await http.get(path, headers=HTML)
    assert page.status_code == 200
    assert page.headers["cache-control"] == "no-store"
    policy = _policy(page)
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    # No scripts from other hosts, no inline scripts, no eval.
    sources = {source for rule in policy.values() for source in rule.split()}
    own_styles = {"'unsafe-inline'"} if path == "/graphql" else set()
    assert sources == {"'none'", "'self'", "data:"} | own_styles
    assert "'unsafe-inline'" not in policy["script-src"]
    assert not re.search(r"(src|href)=.?(https?:)?//", page.text)
    assert not re.search(r"<script(?![^>]*(src=|application/json))", page.text)


@needs_pages
async def test_files_are_immutable_and_compressed(serve: Serve) -> None:
    async with serve() as http:
        page = await http.get("/graphql", headers=HTML)
        files = re.findall(r'(?:src|href)="\./(console/[^"]+)"', page.text)
        assert len(files) > 3
        for file in files:
            response = await http.get(f"/{file}")
            assert response.status_code == 200
            assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
            assert re.search(r"-[\w-]{8}\.\w+$", file)
            again = await http.get(f"/{file}", headers={"if-none-match": response.headers["etag"]})
            assert again.status_code == 304
        script = next(file for file in files if file.endswith(".js"))
        packed = await http.get(f"/{script}", headers={"accept-encoding": "gzip"})
        assert packed.headers["content-encoding"] == "gzip"
        assert packed.content == (BUILT / script).read_bytes()


@needs_pages
@pytest.mark.parametrize("path", ["/console/nothing.js", "/console/%2e%2e/index.html", "/console/"])
async def test_only_built_files_are_served(serve: Serve, path: str) -> None:
    async with serve() as http:
        response = await http.get(path)
    assert response.status_code == 404
    assert response.headers["cache-control"] == "no-store"


@needs_pages
async def test_a_page_is_small() -> None:
    """Limits of compressed sizes: 300 kB for the dashboard, 600 kB for the REST page.

    1.5 MB for all files of GraphiQL.
    """
    sizes = {file.name: len(gzip.compress(file.read_bytes())) for file in BUILT.glob("console/*")}
    for page, limit in (("index", 300_000), ("docs", 600_000)):
        loaded = re.findall(r'"\./console/([^"]+)"', (BUILT / f"{page}.html").read_text())
        assert sum(sizes[name] for name in loaded) < limit
    of_others = {name for name in sizes if name.startswith(("index-", "docs-"))}
    assert sum(size for name, size in sizes.items() if name not in of_others) < 1_500_000


async def test_the_rest_page_is_served_with_introspection_only(serve: Serve) -> None:
    async with serve() as http:
        assert (await http.get("/docs", headers=HTML)).status_code == 200
        # Relative: a proxy may add a path prefix.
        assert (await http.get("/docs/", headers=HTML)).headers["location"] == "../docs"
    async with serve(introspection=False) as http:
        for path in ("/docs", "/docs/"):
            assert (await http.get(path, headers=HTML)).status_code == 404


async def test_the_dashboard_is_served_if_it_is_on(serve: Serve) -> None:
    async with serve() as http:
        assert (await http.get("/", headers=HTML)).status_code == 404
    async with serve(dashboard=True) as http:
        assert (await http.get("/", headers=HTML)).status_code == 200


@needs_pages
async def test_a_page_links_to_the_others_if_they_are_served(serve: Serve) -> None:
    async with serve() as http:
        page = (await http.get("/graphql", headers=HTML)).text
        assert _settings(page) == {"dashboard": False, "graphiql": True, "docs": True}
    async with serve(dashboard=True, introspection=False) as http:
        page = (await http.get("/", headers=HTML)).text
        assert _settings(page) == {"dashboard": True, "graphiql": False, "docs": False}


async def test_the_sdl_is_served_if_introspection_is_on(serve: Serve) -> None:
    async with serve() as http:
        response = await http.get("/schema.graphql")
        assert response.text == schema.sdl()
        assert response.headers["content-type"].startswith("text/plain")
    async with serve(introspection=False) as http:
        assert (await http.get("/schema.graphql")).status_code == 404


@pytest.mark.parametrize("path", ["/", "/graphql", "/docs"])
async def test_without_built_pages_instructions_are_served(
    serve: Serve, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "BUILT", tmp_path / "none")
    async with serve(dashboard=True) as http:
        page = await http.get(path, headers=HTML)
        assert page.status_code == 200
        assert page.headers["content-type"].startswith("text/html")
        assert "Node.js" in page.text
        assert "make setup" in page.text
        assert 'href="schema.graphql"' in page.text
        assert 'href="openapi.json"' in page.text
        assert "curl -s http://headcount.test/graphql" in page.text
        assert "<script" not in page.text
        assert _policy(page)["script-src"] == "'self'"
        assert (await http.get("/console/main.js")).status_code == 404
        async with serve(dashboard=True, introspection=False) as secretive:
            without = await secretive.get("/", headers=HTML)
            assert "schema" not in without.text.lower()
            assert "openapi" not in without.text.lower()
            assert "make setup" in without.text
        # The URL is escaped in the page.
        other = await http.get(path, headers=HTML | {"host": "a&b"})
        assert "a&b" not in other.text


@needs_pages
async def test_pages_of_a_demo_contain_tokens_as_safe_json(
    serve: Serve, server_settings: Settings
) -> None:
    demo = DemoAccess(server_settings, ["</script><script>"])
    async with serve(demo, dashboard=True) as http:
        for path in ("/", "/graphql", "/docs"):
            settings_of_page = _settings((await http.get(path, headers=HTML)).text)
            assert [*settings_of_page["tokens"]] == ["admin", "staff", "organizer", "customer"]
            assert settings_of_page["ticketReport"]["eventIds"] == ["</script><script>"]
        admin = {"authorization": f"Bearer {settings_of_page['tokens']['admin']}"}
        query = {"query": "{ viewer { role subject } }"}
        answer = await http.post("/graphql", json=query, headers=admin)
        assert answer.json() == {"data": {"viewer": {"role": "ADMIN", "subject": "demo admin"}}}


@pytest.fixture
def another(mongodb_uri: str) -> Any:
    """A database for one test."""
    with MongoClient[dict[str, Any]](mongodb_uri) as mongo:
        name = f"headcount_pages_{uuid4().hex[:12]}"
        yield mongo[name]
        mongo.drop_database(name)


def test_demo_tokens_are_given_for_demo_data_only(another: Database[dict[str, Any]]) -> None:
    settings = Settings(database=another.name, jwt_secret=SecretStr(SECRET))
    another["events"].insert_one({"title": "theirs"})
    assert demo_access(another, settings) is None
    another["events"].drop()
    seed(another, settings, scale=0.05)
    access = demo_access(another, settings)
    assert access is not None
    organizers = [
        (another["events"].find_one({"_id": event["_id"]}) or {})["organizer_id"]
        for event in another["events"].find()
        if str(event["_id"]) in access.event_ids
    ]
    assert sorted(each == "org-aurora" for each in organizers) == [False, True]
    # Settings that name another collection may read documents of others.
    others = settings.model_copy(update={"collections": {"users": "their_users"}})
    assert demo_access(another, others) is None


def test_demo_data_may_be_older_than_a_collection_while_it_is_empty(
    another: Database[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(database=another.name, jwt_secret=SecretStr(SECRET))
    seed(another, settings, scale=0.05)
    newer = {**DOCUMENTS, "of a later version": DOCUMENTS["users"]}
    monkeypatch.setattr("server.commands.seeding.DOCUMENTS", newer)
    assert demo_access(another, settings) is not None
    another["of a later version"].insert_one({"amount_cents": 100})
    assert demo_access(another, settings) is None


@needs_pages
@pytest.mark.parametrize(
    ("more", "given"),
    [
        ({}, True),
        # Other servers may have a configured secret.
        ({"HEADCOUNT_JWT_SECRET": SECRET}, False),
    ],
)
def test_a_demo_gives_only_tokens_of_its_own_secret(
    tmp_path: Path, mongodb_uri: str, another: Database[dict[str, Any]], more: Any, given: bool
) -> None:
    settings = {"HEADCOUNT_MONGODB_URI": mongodb_uri, "HEADCOUNT_DATABASE": another.name, **more}
    with running(tmp_path, "demo", "--scale", "0.02", **settings) as (_, url):
        settings_of_page = _settings(httpx.get(f"{url}/", headers=HTML).text)
        assert ("tokens" in settings_of_page) == given


def test_the_dashboard_of_a_demo_can_be_off(
    tmp_path: Path, mongodb_uri: str, another: Database[dict[str, Any]]
) -> None:
    settings = {"HEADCOUNT_MONGODB_URI": mongodb_uri, "HEADCOUNT_DATABASE": another.name}
    settings["HEADCOUNT_DASHBOARD"] = "off"
    with running(tmp_path, "demo", "--scale", "0.02", **settings) as (_, url):
        assert httpx.get(f"{url}/", headers=HTML).status_code == 404
        assert httpx.get(f"{url}/graphql", headers=HTML).status_code == 200


@needs_pages
def test_tokens_of_a_demo_are_invalid_for_another_database(
    tmp_path: Path, mongodb_uri: str, another: Database[dict[str, Any]]
) -> None:
    settings = {"HEADCOUNT_MONGODB_URI": mongodb_uri, "HEADCOUNT_DATABASE": another.name}
    with running(tmp_path, "demo", "--scale", "0.02", **settings) as (_, url):
        tokens = _settings(httpx.get(f"{url}/", headers=HTML).text)["tokens"]
        assert ask(url, tokens["admin"], ROLE) == {"data": {"viewer": {"role": "ADMIN"}}}
    theirs = f"{another.name}_theirs"
    another.client[theirs]["users"].insert_one({"role": "customer"})
    settings["HEADCOUNT_DATABASE"] = theirs
    with running(tmp_path, "demo", "--scale", "0.02", **settings) as (_, url):
        bearer = {"authorization": f"Bearer {tokens['admin']}"}
        assert httpx.post(f"{url}/graphql", json={"query": ROLE}, headers=bearer).status_code == 401
    another.client.drop_database(theirs)


@needs_pages
def test_tokens_of_a_demo_have_its_audience_and_issuer(
    tmp_path: Path, mongodb_uri: str, another: Database[dict[str, Any]]
) -> None:
    settings = {"HEADCOUNT_MONGODB_URI": mongodb_uri, "HEADCOUNT_DATABASE": another.name}
    settings |= {"HEADCOUNT_JWT_AUDIENCE": "dashboards", "HEADCOUNT_JWT_ISSUER": "us"}
    with running(tmp_path, "demo", "--scale", "0.02", **settings) as (_, url):
        tokens = _settings(httpx.get(f"{url}/", headers=HTML).text)["tokens"]
        assert ask(url, tokens["staff"], ROLE) == {"data": {"viewer": {"role": "STAFF"}}}
