"""Automatic persisted queries, as the packages of Apollo and urql send them."""

from pathlib import Path
from typing import Any

import pytest

from tests.clients.npm import needs, serving

CLIENTS = (
    "apollo 3",
    "apollo 3 by GET",
    "apollo 4",
    "apollo 4 by GET",
    "urql",
    "urql by GET",
    "graphql-request",
)


def _texts(sent: list[dict[str, Any]]) -> list[bool]:
    """Whether each request had the operation's text."""
    return [each["text"] for each in sent]


@needs("@apollo/client", "apollo-client-3", "@urql/exchange-persisted", "graphql-request")
def test_a_client_sends_the_text_of_an_operation_once(tmp_path: Path, mongodb_uri: str) -> None:
    with serving(tmp_path, mongodb_uri) as server:
        for client in CLIENTS:
            # Each one is new to the server.
            role = f"query Role{CLIENTS.index(client)} {{ viewer {{ role }} }}"
            wrong = "query Wrong { viewer { rank } }"
            found = server.ask(client, {"text": role}, {"text": role}, {"text": wrong})
            *right, refused = found["answers"]
            assert [each["data"]["viewer"]["role"] for each in right] == ["ADMIN"] * 2, client
            assert "Cannot query field 'rank'" in refused["error"], client
            if client == "graphql-request":
                assert _texts(found["sent"]) == [True, True, True]
            else:
                # Without its text, with it, and without again.
                assert _texts(found["sent"])[:3] == [False, True, False], client
            again = server.ask(client, {"text": role})
            assert _texts(again["sent"]) == [client == "graphql-request"], client
            methods = {each["method"] for each in again["sent"]}
            assert methods == {"GET" if "GET" in client else "POST"}, client


@needs("@apollo/client", "apollo-client-3", "@urql/exchange-persisted", "graphql-request")
@pytest.mark.parametrize("client", ["apollo 3", "apollo 4", "urql", "graphql-request"])
def test_a_client_shows_why_its_operation_is_not_trusted(
    tmp_path: Path, mongodb_uri: str, client: str
) -> None:
    (tmp_path / "manifest.json").write_text("{}")
    settings = {"HEADCOUNT_DOCUMENTS": "manifest.json", "HEADCOUNT_TRUSTED_DOCUMENTS": "only"}
    with serving(tmp_path, mongodb_uri, settings=settings) as server:
        found = server.ask(client, {"text": "query Role { viewer { role } }"})
    assert "HEADCOUNT_TRUSTED_DOCUMENTS is only" in found["answers"][0]["error"]
    assert len(found["sent"]) == 1
