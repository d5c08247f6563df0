"""Revocation: which tokens and links a denylist refuses, and which entries are malformed."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from auth.links import LinkSigner
from auth.revocation import (
    Denylist,
    Revocation,
    TokenIdentity,
    revocations_of_documents,
    revocations_of_lines,
)
from auth.tokens import Verifier
from auth.viewer import Role, Viewer
from errors import Unauthenticated
from tests.conftest import SECRET, token

ISSUED = 1_700_000_000
"""2023-11-14T22:13:20Z."""
NO_OFFSET = "2023-11-14T22:13:20"


def _denylist(*entries: dict[str, Any]) -> Denylist:
    denylist = Denylist()
    denylist.replace(revocations_of_lines("\n".join(map(json.dumps, entries)).encode()))
    return denylist


@pytest.mark.parametrize(
    ("entry", "claims", "revoked"),
    [
        ({"jti": "a"}, {"jti": "a"}, True),
        ({"jti": "a"}, {"jti": "b"}, False),
        ({"jti": "a"}, {"sub": "a"}, False),
        ({"jti": "7"}, {"jti": 7}, True),
        ({"jti": 7}, {"jti": "7"}, True),
        ({"jti": 7.0}, {"jti": 7}, True),
        ({"jti": "a"}, {"jti": None}, False),
        ({"sub": "a"}, {"sub": "a"}, True),
        ({"sub": "a"}, {"sub": "a", "iat": None}, True),
        ({"sub": "a"}, {"sub": "A"}, False),
        ({"sub": "a"}, {"jti": "a"}, False),
        ({"sub": "7"}, {"sub": 7}, True),
        ({"sub": "a", "issuedBefore": None}, {"sub": "a"}, True),
        ({"sub": "a", "issuedBefore": ISSUED}, {"sub": "a"}, False),
        ({"sub": "a", "issuedBefore": ISSUED + 1}, {"sub": "a"}, True),
        ({"sub": "a", "issuedBefore": ISSUED + 0.5}, {"sub": "a"}, True),
        ({"sub": "a", "issuedBefore": ISSUED + 1}, {"sub": "b"}, False),
        ({"sub": "a", "issuedBefore": 0}, {"sub": "a"}, False),
        ({"sub": "a", "issuedBefore": 0}, {"sub": "a", "iat": None}, True),
        ({"sub": "a", "issuedBefore": "2023-11-14T22:13:20Z"}, {"sub": "a"}, False),
        ({"sub": "a", "issuedBefore": "2023-11-14T22:13:21Z"}, {"sub": "a"}, True),
        ({"sub": "a", "issuedBefore": "2023-11-14T17:13:21-05:00"}, {"sub": "a"}, True),
        ({"sub": "a", "reason": "left", "exp": 1}, {"sub": "a"}, True),
    ],
)
async def test_an_entry_revokes_the_tokens_that_it_names(
    entry: dict[str, Any], claims: dict[str, Any], revoked: bool
) -> None:
    verifier = Verifier(secrets=[SECRET], denylist=_denylist(entry))
    bearer = token(**{"iat": ISSUED, **claims})
    if not revoked:
        assert await verifier.viewer(bearer)
        return
    with pytest.raises(Unauthenticated) as raised:
        await verifier.viewer(bearer)
    assert str(raised.value) == "The token was revoked: get a new one."


def test_of_several_entries_on_a_subject_each_counts() -> None:
    early, late = ({"sub": "a", "issuedBefore": ISSUED + each} for each in (-5, 5))
    for entries in ((early, late), (late, early), (early, {"sub": "a"}), ({"sub": "a"}, early)):
        with pytest.raises(Unauthenticated):
            _denylist(*entries).check(TokenIdentity(None, "a", ISSUED))
    assert _denylist(early, late, {"jti": "b"}).size == 2


def test_a_list_is_replaced_as_a_whole() -> None:
    denylist = _denylist({"jti": "a"})
    denylist.replace([Revocation("b", None)])
    denylist.check(TokenIdentity("a"))
    with pytest.raises(Unauthenticated):
        denylist.check(TokenIdentity("b"))


@pytest.mark.parametrize(
    "entry",
    [{"jti": "a"}, {"sub": "s"}, {"sub": "s", "issuedBefore": ISSUED + 1}],
)
async def test_a_link_is_revoked_with_the_token_that_made_it(entry: dict[str, Any]) -> None:
    maker = await Verifier(secrets=[SECRET]).viewer(token(jti="a", sub="s", iat=ISSUED))
    # The link is made after the time of `issuedBefore`; its maker's token is older.
    now = datetime.now(UTC)
    link, _ = LinkSigner(SECRET).sign(maker, "/file", now)
    assert LinkSigner(SECRET).verify(link, "/file")[0].subject == "s"
    with pytest.raises(Unauthenticated) as raised:
        LinkSigner(SECRET, denylist=_denylist(entry)).verify(link, "/file")
    assert str(raised.value) == "The token was revoked: get a new one."


async def test_a_link_of_another_token_is_not_revoked() -> None:
    maker = await Verifier(secrets=[SECRET]).viewer(token(jti="a", sub="s"))
    link, _ = LinkSigner(SECRET).sign(maker, "/file", datetime.now(UTC))
    old = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    denylist = _denylist({"jti": "b"}, {"sub": "t"}, {"sub": "s", "issuedBefore": old})
    assert LinkSigner(SECRET, denylist=denylist).verify(link, "/file")[0].role is Role.CUSTOMER
    anonymous, _ = LinkSigner(SECRET).sign(Viewer(Role.ADMIN), "/file", datetime.now(UTC))
    assert LinkSigner(SECRET, denylist=denylist).verify(anonymous, "/file")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", ["JSON"]),
        ("jti", ["JSON"]),
        ("\ud800", ["line 3"]),
        ("[" * 100_000, ["line 3"]),
        ("[]", ["JSON object", "'jti'", "'sub'"]),
        ('"a"', ["JSON object"]),
        ("{}", ["'jti'", "'sub'"]),
        ('{"subject": "a"}', ["'jti'", "'sub'"]),
        ('{"jti": "a", "sub": "b"}', ["one of the two"]),
        ('{"jti": "a", "issuedBefore": 5}', ["'issuedBefore'", "'sub'"]),
        ('{"jti": ""}', ["'jti'", "string"]),
        ('{"jti": true}', ["'jti'", "string"]),
        ('{"sub": ["a"]}', ["'sub'", "string"]),
        ('{"sub": 1.5}', ["'sub'", "string"]),
        ('{"sub": "a", "issuedBefore": "yesterday"}', ["'issuedBefore'", "2026-01-31T12:00:00Z"]),
        (f'{{"sub": "a", "issuedBefore": "{NO_OFFSET}"}}', ["'issuedBefore'", "offset"]),
        ('{"sub": "a", "issuedBefore": "1700000000"}', ["'issuedBefore'", "seconds"]),
        ('{"sub": "a", "issuedBefore": true}', ["'issuedBefore'", "seconds"]),
        ('{"sub": "a", "issuedBefore": NaN}', ["'issuedBefore'", "seconds"]),
        (f'{{"sub": "a", "issuedBefore": 1{"0" * 400}}}', ["line 3"]),
    ],
)
def test_a_malformed_line_is_named(line: str, words: list[str]) -> None:
    content = f'{{"jti": "a"}}\n\n{line}\n{{"jti": "b"}}\n'.encode(errors="surrogatepass")
    with pytest.raises(ValueError, match=r"^line 3: ") as raised:
        list(revocations_of_lines(content))
    for word in words:
        assert word in str(raised.value)
    assert "\n" not in str(raised.value)


def test_lines_may_end_in_any_way_and_be_blank() -> None:
    content = b'\xef\xbb\xbf{"jti": "a"}\r\n  \r\n {"sub": "b"}'
    assert list(revocations_of_lines(content)) == [Revocation("a", None), Revocation(None, "b")]
    assert list(revocations_of_lines(b"")) == []


def test_documents_have_the_same_fields_and_dates() -> None:
    time = datetime.fromtimestamp(ISSUED, UTC)
    documents = [
        {"_id": 1, "jti": "a", "sub": None},
        {"_id": 2, "sub": 7.0, "issuedBefore": time},
        {"_id": 3, "sub": "b", "issuedBefore": time.replace(tzinfo=None)},
    ]
    assert list(revocations_of_documents(documents)) == [
        Revocation("a", None),
        Revocation(None, "7", ISSUED),
        Revocation(None, "b", ISSUED),
    ]
    with pytest.raises(ValueError, match=r"^document 4: "):
        list(revocations_of_documents([{"_id": 4}]))
