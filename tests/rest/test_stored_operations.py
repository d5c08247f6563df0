"""Stored operations: a path is one file; a file that is wrong is refused with the reason."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from pymongo.asynchronous.database import AsyncDatabase

import schema
from rest.operation import StoredOperation, StoredOperationError, stored_operations
from schema.execution.turns import Turns
from server.http import application as app
from server.settings import Settings
from tests.conftest import Dataset, client, token

PAGE = Path(__file__).parents[2] / "docs" / "rest.md"
CODES = """
"Promo codes by type."
query CodesByType(
  "How many codes."
  $most: Int! = 3 @range(min: 1, max: 5)
) @path(is: ["/codes/by-type"], tag: "Codes") {
  promoCodeStats {
    total_codes: totalPromoCodes
    types: byType @map(key: "type") { type: codeType codes: total active }
    top: topCodes(first: $most) { code tickets: ticketsGenerated }
  }
}
"""


def _read(folder: Path, text: str) -> StoredOperation:
    (folder / "codes.graphql").write_text(text)
    (one,) = stored_operations(schema.build(), Turns(), folder)
    return one


async def test_a_path_is_one_file(
    tmp_path: Path,
    database: AsyncDatabase[dict[str, object]],
    server_settings: Settings,
    fill: Callable[[Dataset], None],
) -> None:
    (tmp_path / "codes.graphql").write_text(CODES)
    code = {"code": "A", "code_type": "ticket", "is_active": True}
    fill({"promo_codes": [{"_id": 1, **code}], "tickets": [{"_id": 2, "promo_code_id": 1}]})
    headers = {"authorization": f"Bearer {token(role='admin')}"}
    async with client(app.create(server_settings, database, stored=tmp_path)) as http:
        response = await http.get("/codes/by-type?most=2", headers=headers)
        refused = await http.get("/codes/by-type?most=6", headers=headers)
    assert response.json() == {
        "total_codes": 1,
        "types": {"ticket": {"codes": 1, "active": 1}},
        "top": [{"code": "A", "tickets": 1}],
    }
    assert refused.status_code == 422


async def test_the_file_of_the_docs_adds_a_path(
    tmp_path: Path, database: AsyncDatabase[dict[str, object]], server_settings: Settings
) -> None:
    (text,) = re.findall(r"```graphql\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "largest_codes.graphql").write_text(text)
    headers = {"authorization": f"Bearer {token(role='admin')}"}
    async with client(app.create(server_settings, database, stored=tmp_path)) as http:
        response = await http.get("/api/v1/admin/codes/largest", headers=headers)
    assert list(response.json()) == ["codes"]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("totalPromoCodes", "totalCodes", "Cannot query field 'totalCodes'"),
        ("promoCodeStats {", "promoCodeStats", "Syntax Error"),
        ("$most)", "$least)", "Variable '$least' is not defined"),
        ("max: 5", "most: 5", "'most'"),
        (" @range(min: 1, max: 5)", "", "an Int needs @range"),
        ("Int! = 3 @range", "String! @range", "String"),
        ('@path(is: ["/codes/by-type"], tag: "Codes")', "", "needs a name, @path and one root"),
        ("query CodesByType", "query", "needs a name, @path and one root field"),
        ("  promoCodeStats", "  viewer { role } promoCodeStats", "one root field"),
        ("/codes/by-type", "/codes/{type}", "@path has type, which is no variable"),
        ('@map(key: "type")', '@map(key: "code_type")', "@map of types must name members"),
        ("total_codes: totalPromoCodes", '... { a: totalPromoCodes }', "must not have fragments"),
        ("active }", "active @shortTime }", "@shortTime of active"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_refused_with_the_reason(
    tmp_path: Path, old: str, new: str, reason: str
) -> None:
    assert CODES.count(old) == 1, "the change is made"
    with pytest.raises(StoredOperationError, match=r"codes\.graphql") as raised:
        _read(tmp_path, CODES.replace(old, new))
    assert reason in str(raised.value)


def test_lists_can_be_no_parameters(tmp_path: Path) -> None:
    text = """query Tickets($eventIds: [ID!]!) @path(is: ["/tickets"], tag: "t") {
      ticketReport(eventIds: $eventIds, mobileAppId: "a", limit: 1) { total }
    }"""
    with pytest.raises(StoredOperationError, match="no parameter of a URL can be of type"):
        _read(tmp_path, text)
