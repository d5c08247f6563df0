"""Persisted operations: Apollo's automatic persisted queries, and documents of a manifest."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from hashlib import md5, sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from graphql import get_introspection_query, parse
from pymongo.asynchronous.database import AsyncDatabase

import schema.execution.operation_cache
from errors import StartupError
from schema.execution.operation_cache import CachedDocuments, CachedOperation
from server.http import application as app
from server.http.graphql_responses import GRAPHQL_RESPONSE
from server.persisted_documents import check_documents, read_documents
from server.settings import Settings
from tests.commands import run
from tests.conftest import SECRET, client, token

ROLE = "{ viewer { role } }"
SUBJECT = "{ viewer { subject } }"
IS_ROLE = {"data": {"viewer": {"role": "ADMIN"}}}
IS_SUBJECT = {"data": {"viewer": {"subject": "caller"}}}
HEADERS = {"authorization": f"Bearer {token(role='admin')}"}
ACCEPTS = pytest.mark.parametrize(
    "accept", ["*/*", GRAPHQL_RESPONSE, f"{GRAPHQL_RESPONSE},application/json;q=0.9"]
)

Serve = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


def hash_of(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def by_hash(hash: object, **more: object) -> dict[str, Any]:
    """The parameters of Apollo's protocol."""
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": hash}}, **more}


@pytest.fixture
def serve(
    database: AsyncDatabase[dict[str, Any]], server_settings: Settings, tmp_path: Path
) -> Serve:
    """A function that serves with the documents of a manifest, and other settings."""

    @asynccontextmanager
    async def serve(
        documents: dict[str, str] | None = None, **others: Any
    ) -> AsyncIterator[httpx.AsyncClient]:
        if documents is not None:
            manifest = tmp_path / "manifest.json"
            manifest.write_text(json.dumps(documents))
            others["documents"] = str(manifest)
        async with client(app.create(server_settings.model_copy(update=others), database)) as http:
            http.headers.update(HEADERS)
            yield http

    return serve


async def _post(http: httpx.AsyncClient, accept: str = "*/*", **given: object) -> httpx.Response:
    return await http.post("/graphql", json=given, headers={"accept": accept})


async def _get(http: httpx.AsyncClient, accept: str = "*/*", **given: Any) -> httpx.Response:
    for name in ("extensions", "variables"):
        if name in given:
            given[name] = json.dumps(given[name])
    return await http.get("/graphql", params=given, headers={"accept": accept})


SENDS = pytest.mark.parametrize("send", [_post, _get], ids=["POST", "GET"])


def _assert_refused(response: httpx.Response, *words: str) -> None:
    body = response.json()
    assert {*body} == {"errors"}, body
    (error,) = body["errors"]
    assert error["extensions"] == {"code": "BAD_USER_INPUT"}
    for word in words:
        assert word in error["message"]
    assert len(error["message"]) < 400


# ---------------------------------------------------------------- automatic persisted queries


@SENDS
@ACCEPTS
async def test_an_unknown_hash_is_registered_with_its_text(
    serve: Serve, send: Any, accept: str
) -> None:
    async with serve() as http:
        response = await send(http, accept, **by_hash(hash_of(ROLE)))
        assert response.status_code == 200
        assert response.headers["content-type"] == "application/json"
        assert response.json() == {
            "errors": [
                {
                    "message": "PersistedQueryNotFound",
                    "extensions": {"code": "PERSISTED_QUERY_NOT_FOUND"},
                }
            ]
        }
        assert (await send(http, accept, **by_hash(hash_of(ROLE), query=ROLE))).json() == IS_ROLE
        for _ in range(2):
            assert (await send(http, accept, **by_hash(hash_of(ROLE)))).json() == IS_ROLE
        assert (await send(http, accept, **by_hash(hash_of(ROLE), query=""))).json() == IS_ROLE


@pytest.mark.parametrize("first", ["{viewer{role}}", "# a comment\n{ viewer { role } }"])
async def test_a_document_is_found_by_the_hash_of_its_text(serve: Serve, first: str) -> None:
    """Texts that share one cached document are told apart."""
    async with serve() as http:
        for text in (first, ROLE):
            response = await _post(http, **by_hash(hash_of(text)))
            assert response.json()["errors"][0]["message"] == "PersistedQueryNotFound"
            assert (await _post(http, query=text)).json() == IS_ROLE
            assert (await _post(http, **by_hash(hash_of(text)))).json() == IS_ROLE


async def test_variables_and_names_go_with_a_hash(serve: Serve) -> None:
    text = "query A($id: ID!) { event(id: $id) { title } } query B { viewer { role } }"
    async with serve() as http:
        for query in ({"query": text}, {}):
            given = by_hash(hash_of(text), **query)
            answer = await _post(http, **given, operationName="A", variables={"id": "f" * 24})
            assert answer.json() == {"data": {"event": None}}
            assert (await _post(http, **given, operationName="B")).json() == IS_ROLE


@SENDS
@pytest.mark.parametrize(
    ("given", "words"),
    [
        (by_hash(hash_of(SUBJECT), query=ROLE), ["the SHA-256 of 'query'"]),
        (by_hash(hash_of(ROLE).upper()), ["sha256Hash", "64 hexadecimal digits"]),
        (by_hash(hash_of(ROLE)[:-1], query=ROLE), ["sha256Hash", "64 hexadecimal digits"]),
        (by_hash("x" * 10_000), ["sha256Hash", "64 hexadecimal digits"]),
        (by_hash(None, query=ROLE), ["sha256Hash", "None", "string"]),
        (by_hash(7), ["sha256Hash", "7", "string"]),
        ({"extensions": {"persistedQuery": {"sha256Hash": hash_of(ROLE)}}}, ["version", "None"]),
        (
            {"extensions": {"persistedQuery": {"version": 2, "sha256Hash": hash_of(ROLE)}}},
            ["version' is 2: it must be 1"],
        ),
        (
            {"extensions": {"persistedQuery": {"version": True, "sha256Hash": hash_of(ROLE)}}},
            ["version", "True"],
        ),
        ({"query": ROLE, "extensions": {"persistedQuery": hash_of(ROLE)}}, ["must be an object"]),
        ({"query": ROLE, "documentId": "a"}, ["documentId", "'a'", "no such document"]),
        ({"documentId": "x" * 10_000}, ["documentId", "no such document"]),
        ({"query": ROLE, "documentId": ""}, ["documentId", "''"]),
    ],
)
async def test_a_wrong_hash_or_id_is_refused(
    serve: Serve, send: Any, given: dict[str, Any], words: list[str]
) -> None:
    async with serve() as http:
        for accept in ("*/*", GRAPHQL_RESPONSE):
            response = await send(http, accept, **given)
            _assert_refused(response, *words)
            # Nothing is registered by a request that is refused.
            response = await send(http, accept, **by_hash(hash_of(SUBJECT)))
            assert response.json()["errors"][0]["message"] == "PersistedQueryNotFound"


async def test_an_id_of_another_type_is_refused(serve: Serve) -> None:
    async with serve() as http:
        _assert_refused(await _post(http, documentId=7, query=ROLE), "'documentId'", "string")
        assert (await _post(http, documentId=None, query=ROLE)).json() == IS_ROLE
        assert (await _post(http, extensions={"persistedQuery": None}, query=ROLE)).json() == (
            IS_ROLE
        )


@pytest.mark.parametrize("text", ["{ viewer { ", f"{{ {'a: viewer { role } ' * 40} }}"])
async def test_an_operation_that_is_refused_is_not_registered(serve: Serve, text: str) -> None:
    async with serve() as http:
        _ = await _post(http, **by_hash(hash_of(text), query=text))
        response = await _post(http, **by_hash(hash_of(text)))
        assert response.json()["errors"][0]["message"] == "PersistedQueryNotFound"


async def test_registered_texts_are_bounded(serve: Serve) -> None:
    texts = [f"{{ viewer {{ role }} }} # {number}" for number in range(600)]
    long = [f"{{ viewer {{ role }} }} # {number} {'x' * 90_000}" for number in range(4)]
    async with serve() as http:

        async def found(texts: list[str]) -> int:
            answers = [(await _post(http, **by_hash(hash_of(text)))).json() for text in texts]
            return sum("data" in answer for answer in answers)

        for text in texts:
            assert (await _post(http, **by_hash(hash_of(text), query=text))).json() == IS_ROLE
        assert 200 < await found(texts) <= 500
        for text in long:
            assert (await _post(http, **by_hash(hash_of(text), query=text))).json() == IS_ROLE
        assert await found([*texts, *long]) == 2


def test_a_text_that_leaves_the_cache_takes_its_hash_along() -> None:
    cached = CachedDocuments()
    document = parse(ROLE)
    for number in range(2_000):
        text = f"{{ viewer {{ role }} }} # {number}"
        cached.add(text, f"\0{number % 7}", CachedOperation(len(text), document, []))
        assert cached.of_hash(hash_of(text)) == text
    hashes = cached._by_hash
    assert {text for text in cached if not text.startswith("\0")} == {*hashes.values()}
    assert all(hash_of(text) == hash for hash, text in hashes.items())


async def test_each_new_text_is_hashed_once(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed = list[bytes]()

    def counting(data: bytes) -> Any:
        hashed.append(data)
        return sha256(data)

    monkeypatch.setattr(schema.execution.operation_cache, "sha256", counting)
    text = "{ viewer { role } } # hashed once"
    async with serve() as http:
        for given in (by_hash(hash_of(text), query=text), by_hash(hash_of(text))):
            assert (await _post(http, **given)).json() == IS_ROLE
    assert hashed == [text.encode()]


# ---------------------------------------------------------------- documents of a manifest


DOCUMENTS = {md5(ROLE.encode()).hexdigest(): ROLE, "subject": SUBJECT}  # noqa: S324
ID = md5(ROLE.encode()).hexdigest()  # noqa: S324


@SENDS
@pytest.mark.parametrize("mode", ["off", "only"])
async def test_a_document_runs_by_its_id_or_hash(serve: Serve, send: Any, mode: str) -> None:
    async with serve(DOCUMENTS, trusted_documents=mode) as http:
        for given in (
            {"documentId": ID},
            {"documentId": ID, "query": SUBJECT},
            {"documentId": ID, "query": "{"},
            {"documentId": ID, **by_hash(hash_of(SUBJECT))},
            {"documentId": ID, "operationName": ""},
            {"query": ROLE},
            by_hash(hash_of(ROLE)),
            by_hash(hash_of(ROLE), query=ROLE),
            # Tools whose ids are other hashes send them as if they were SHA-256.
            by_hash(ID),
        ):
            assert (await send(http, **given)).json() == IS_ROLE, given
        assert (await send(http, documentId="subject")).json() == IS_SUBJECT


@SENDS
@pytest.mark.parametrize("accept", ["*/*", GRAPHQL_RESPONSE])
async def test_only_documents_of_the_manifest_run_if_they_alone_are_trusted(
    serve: Serve, send: Any, accept: str
) -> None:
    async with serve(DOCUMENTS, trusted_documents="only") as http:
        # A text beside a hash is ignored.
        given = by_hash(hash_of(ROLE), query="{ viewer { permissions } }")
        assert (await send(http, accept, **given)).json() == IS_ROLE
        for query in ("{ viewer { permissions } }", f"{ROLE} ", "{", get_introspection_query()):
            for given in (
                {"query": query},
                by_hash(hash_of(query), query=query),
                by_hash(hash_of(query)),
                by_hash("x", query=query),
            ):
                response = await send(http, accept, **given)
                assert response.status_code == (400 if accept == GRAPHQL_RESPONSE else 200)
                _assert_refused(response, "HEADCOUNT_TRUSTED_DOCUMENTS", "documentId")
        _assert_refused(await send(http, accept, documentId=hash_of(SUBJECT), query=ROLE))
        _assert_refused(await send(http, accept), "query")
        assert (await send(http, accept, **by_hash(hash_of(ROLE), query=""))).json() == IS_ROLE


async def test_a_text_with_another_hash_is_refused_unless_only_documents_are_trusted(
    serve: Serve,
) -> None:
    async with serve(DOCUMENTS) as http:
        given = by_hash(hash_of(ROLE), query=SUBJECT)
        _assert_refused(await _post(http, **given), "the SHA-256 of 'query'")


async def test_limits_of_texts_that_callers_write_do_not_apply_to_documents(serve: Serve) -> None:
    """Those of names, strings and lists do."""
    text = "{ " + " ".join(f"a{number}: viewer {{ role }}" for number in range(20)) + " }"
    limits = {"max_aliases": 10, "max_tokens": 50, "max_cost": 10, "max_depth": 1}
    name = "{ " + "a" * 101 + ": viewer { role } }"
    async with serve({"1": text, "2": name}, **limits) as http:
        for given in ({"documentId": "1"}, {"query": text}, by_hash(hash_of(text))):
            assert len((await _post(http, **given)).json()["data"]) == 20
        assert "errors" in (await _post(http, query=f"{text} ")).json()
        refused = (await _post(http, documentId="2")).json()
        assert refused["errors"][0]["extensions"]["limit"] == "name"


async def test_rights_are_those_of_the_caller(serve: Serve) -> None:
    async with serve({"1": "{ orderStats { totalOrders } }"}, trusted_documents="only") as http:
        headers = {"authorization": f"Bearer {token()}"}
        response = await http.post("/graphql", json={"documentId": "1"}, headers=headers)
        assert response.json()["errors"][0]["extensions"]["code"] == "FORBIDDEN"
        del http.headers["authorization"]
        assert (await http.post("/graphql", json={"documentId": "1"})).status_code == 401
        assert (await http.post("/graphql", json={"documentId": "unknown"})).status_code == 401


async def test_graphiql_says_why_it_is_off(serve: Serve) -> None:
    async with serve(DOCUMENTS, trusted_documents="only") as http:
        page = await http.get("/graphql", headers={"accept": "text/html"})
        assert page.status_code == 404
        assert "HEADCOUNT_TRUSTED_DOCUMENTS is only" in page.text
        assert page.headers["content-security-policy"].startswith("default-src 'none'")
    async with serve(introspection=False) as http:
        page = await http.get("/graphql", headers={"accept": "text/html"})
        assert "HEADCOUNT_INTROSPECTION is off" in page.text


async def test_a_browser_that_opens_the_address_of_an_operation_gets_its_answer(
    serve: Serve,
) -> None:
    async with serve(DOCUMENTS) as http:
        assert (await _get(http, "text/html", documentId=ID)).json() == IS_ROLE
        assert (await _get(http, "text/html", **by_hash(hash_of(ROLE)))).json() == IS_ROLE


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, ["No such file"]),
        ("{", ["Expecting"]),
        ("[]", ["no JSON object"]),
        ("\udcff", ["utf-8"]),
        ('{"a": {"text": "{ viewer { role } }"}}', ["'a'", "no string"]),
        ("[" * 100_000, ["recursion"]),
    ],
)
def test_a_manifest_that_cannot_be_read_is_an_error(
    tmp_path: Path, content: str | None, words: list[str]
) -> None:
    manifest = tmp_path / "manifest.json"
    if content is not None:
        manifest.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(StartupError) as raised:
        read_documents(str(manifest), only=False)
    assert str(raised.value).startswith(f"HEADCOUNT_DOCUMENTS: {manifest} can't be read")
    assert "\n" not in str(raised.value)
    for word in words:
        assert word in str(raised.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["Syntax Error"]),
        ("{ viewer { rank } }", ["rank", "Viewer", "1:12 "]),
        ("mutation { x }", ["mutation"]),
        ("fragment F on Viewer { role }", ["'F' is never used"]),
        ("query ($a: Int!) { viewer { role } }", ["$a"]),
        (f"{ROLE} #{'x' * 100_000}", ["100,000"]),
        ("{a" * 20_000, ["too deeply"]),
    ],
)
def test_a_document_that_does_not_fit_the_schema_is_an_error(
    tmp_path: Path, text: str, words: list[str]
) -> None:
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"right": ROLE, "wrong": text}))
    with pytest.raises(StartupError) as raised:
        check_documents(read_documents(str(manifest), only=False))
    assert str(raised.value).startswith("HEADCOUNT_DOCUMENTS: the document 'wrong' does not fit")
    assert "\n" not in str(raised.value)
    for word in words:
        assert word in str(raised.value)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"HEADCOUNT_TRUSTED_DOCUMENTS": "only"}, ["HEADCOUNT_DOCUMENTS is not set"]),
        ({"HEADCOUNT_DOCUMENTS": "missing.json"}, ["HEADCOUNT_DOCUMENTS: missing.json"]),
        ({"HEADCOUNT_DOCUMENTS": "wrong.json"}, ["HEADCOUNT_DOCUMENTS", "'a'", "nothing"]),
    ],
)
def test_serve_does_not_start_with_a_bad_manifest(
    tmp_path: Path, mongodb_uri: str, settings: dict[str, str], words: list[str]
) -> None:
    (tmp_path / "wrong.json").write_text('{"a": "{ nothing }"}')
    own = {"HEADCOUNT_JWT_SECRET": SECRET, "HEADCOUNT_MONGODB_URI": mongodb_uri}
    result = run(tmp_path, "serve", **own, HEADCOUNT_PORT="0", **settings)
    assert result.returncode == 1
    for word in words:
        assert word in result.stderr
