"""Manifests, as graphql-codegen and relay-compiler write them."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.clients.npm import CONSOLE, MODULES, needs, node, serving

_SCHEMA = Path(__file__).parents[2] / "schema" / "schema.graphql"
_TRUSTED = {"HEADCOUNT_DOCUMENTS": "manifest.json", "HEADCOUNT_TRUSTED_DOCUMENTS": "only"}

_DOCUMENTS = """
query Role { viewer { ...Caller } }
query Missing { event(id: "ffffffffffffffffffffffff") { title } }
fragment Caller on Viewer { role }
"""
_RELAY = """
const { graphql } = require('relay-runtime')
graphql`query AppRoleQuery { viewer { ...App_caller } }`
graphql`query AppMissingQuery { event(id: "ffffffffffffffffffffffff") { title } }`
graphql`fragment App_caller on Viewer { role }`
"""


def _codegen(folder: Path, options: Any) -> dict[str, str]:
    """The operations' names and ids, from the client's modules; writes the manifest."""
    (folder / "operations.graphql").write_text(_DOCUMENTS)
    output = {"preset": "client", "presetConfig": {"persistedDocuments": options}}
    config = folder / "codegen.json"
    config.write_text(
        json.dumps(
            {
                "schema": str(_SCHEMA),
                "documents": str(folder / "operations.graphql"),
                "generates": {f"{folder}/generated/": output},
            }
        )
    )
    node(MODULES / ".bin" / "graphql-codegen", "--config", str(config), folder=CONSOLE)
    (folder / "generated" / "persisted-documents.json").rename(folder / "manifest.json")
    module = (folder / "generated" / "graphql.ts").read_text()
    return dict(re.findall(r'const (\w+)Document = .*?"__meta__":\{"\w+":"([^"]+)"', module))


def _relay(folder: Path, algorithm: str) -> dict[str, str]:
    """The operations' names and ids, from the client's modules; writes the manifest."""
    (folder / "src").mkdir()
    (folder / "src" / "App.js").write_text(_RELAY)
    (folder / "schema.graphql").write_text(_SCHEMA.read_text())
    (folder / "manifest.json").write_text("{}")
    config = {
        "src": "./src",
        "schema": "./schema.graphql",
        "language": "javascript",
        "persistConfig": {"file": "./manifest.json", "algorithm": algorithm},
    }
    (folder / "relay.config.json").write_text(json.dumps(config))
    node(MODULES / "relay-compiler" / "cli.js", "relay.config.json", folder=folder)
    modules = [file.read_text() for file in (folder / "src" / "__generated__").glob("*Query*")]
    found = [
        re.search(r'"params": \{.*?"id": "(.*?)".*?"name": "(\w+)"', text, re.DOTALL)
        for text in modules
    ]
    return {match[2]: match[1] for match in found if match}


@needs("@graphql-codegen/client-preset", "@apollo/client", "graphql-request")
@pytest.mark.parametrize(
    ("options", "id"),
    [
        (True, r"sha256:[0-9a-f]{64}"),
        ({"hashAlgorithm": "sha1"}, r"[0-9a-f]{40}"),
        ({"mode": "replaceDocumentWithHash", "hashPropertyName": "id"}, r"sha256:[0-9a-f]{64}"),
    ],
    ids=["default", "SHA-1", "hashes in place of documents"],
)
def test_documents_of_graphql_codegen_run_by_their_ids(
    mongodb_uri: str, tmp_path: Path, options: Any, id: str
) -> None:
    _assert_run(mongodb_uri, tmp_path, _codegen(tmp_path, options), id)


@needs("relay-compiler", "@apollo/client", "graphql-request")
@pytest.mark.parametrize(("algorithm", "id"), [("MD5", "[0-9a-f]{32}"), ("SHA256", "[0-9a-f]{64}")])
def test_documents_of_relay_compiler_run_by_their_ids(
    mongodb_uri: str, tmp_path: Path, algorithm: str, id: str
) -> None:
    _assert_run(mongodb_uri, tmp_path, _relay(tmp_path, algorithm), id)


def _assert_run(mongodb_uri: str, folder: Path, ids: dict[str, str], id: str) -> None:
    assert all(re.fullmatch(id, each) for each in ids.values()), ids
    role, missing = sorted(ids, reverse=True)
    assert ("Role" in role, "Missing" in missing) == (True, True)
    operations = [
        # What a client makes of the text does not matter.
        {"text": f"query {role} {{ viewer {{ role __typename }} }}", "id": ids[role]},
        {"text": f"query {missing} {{ event {{ title }} }}", "id": ids[missing]},
    ]
    with serving(folder, mongodb_uri, settings=_TRUSTED) as server:
        for client in ("graphql-request by id", "apollo 3 by id", "apollo 4 by id"):
            found = server.ask(client, *operations)
            assert not any("error" in each for each in found["answers"]), found
            data = [each["data"] for each in found["answers"]]
            assert data[0]["viewer"]["role"] == "ADMIN", client
            assert data[1] == {"event": None}, client
            assert [each["text"] for each in found["sent"]] == [False, False], client
