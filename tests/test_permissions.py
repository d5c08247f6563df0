"""The permission matrix: every guarded field × every kind of caller, generated from the SDL."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

import httpx
import pytest
from bson import ObjectId
from graphql import GraphQLObjectType
from graphql.language import DirectiveNode

from tests.conftest import Dataset, post, token
from tests.operations import SCHEMA, every_field, fields_of, named
from tests.strategies import nasty

ID = "0" * 24
_NEEDED = {
    "event": f'(id: "{ID}")',
    "exportLink": f'(report: TICKET_REPORT, eventId: "{ID}", mobileAppId: "app-1")',
    "ticketReport": f'(eventIds: ["{ID}"], mobileAppId: "app-1", limit: 9)',
}


@dataclass(frozen=True)
class Guarded:
    """A field with a rule, as the SDL prints it."""

    parent: str
    name: str
    directive: str
    allowed: frozenset[str]

    @property
    def query(self) -> str:
        field = fields_of(self.parent)[self.name]
        needed = _NEEDED.get(self.name, "")
        selection = f"{self.name}{needed} {every_field(named(field.type))}"
        return (
            f"{{ {selection} }}" if self.parent == "Query" else f"{{ metrics {{ {selection} }} }}"
        )

    def value(self, data: Any) -> Any:
        return data[self.name] if self.parent == "Query" else data["metrics"][self.name]


def _guarded() -> list[Guarded]:
    return [
        Guarded(name, field, directive.name.value, frozenset(_names(directive)))
        for name, kind in SCHEMA.type_map.items()
        if isinstance(kind, GraphQLObjectType)
        for field, definition in kind.fields.items()
        if definition.ast_node is not None
        for directive in definition.ast_node.directives or ()
    ]


def _names(directive: DirectiveNode) -> list[str]:
    (argument,) = directive.arguments or ()
    value: Any = argument.value
    return [v.value for v in getattr(value, "values", [value])]


GUARDED = _guarded()
CALLERS: dict[str, dict[str, Any]] = {
    "admin": {"role": "admin"},
    "staff": {"role": "staff"},
    "staff who may view customers": {"role": "staff", "permissions": ["view_customers"]},
    "staff who may manage inventory": {"role": "staff", "permissions": ["manage_inventory"]},
    "staff who may both": {"role": "staff", "permissions": ["manage_inventory", "view_customers"]},
    "organizer": {"role": "organizer", "permissions": ["view_customers", "manage_inventory"]},
    "customer": {"role": "customer", "permissions": ["view_customers", "manage_inventory"]},
    "nobody in particular": {},
}


def _may(claims: dict[str, Any], field: Guarded) -> bool:
    role = claims.get("role", "customer")
    if role == "admin":
        return True
    if field.directive == "requiresRole":
        return role.upper() in field.allowed
    held = {permission.upper() for permission in claims.get("permissions", ())}
    return role == "staff" and bool(held & field.allowed)


def test_the_sdl_guards_what_the_contract_guards() -> None:
    assert len(GUARDED) == 9 + 5 + 10 + 13
    assert {field.directive for field in GUARDED} == {"requiresRole", "requiresPermission"}


@pytest.fixture(scope="module")
async def filled(fill: Callable[[Dataset], None]) -> None:
    data = {**nasty()}
    data["events"] = [{**data["events"][0], "_id": ObjectId(ID)}, *data["events"]]
    fill(data)


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("field", GUARDED, ids=lambda field: f"{field.parent}.{field.name}")
async def test_a_guarded_field_answers_only_who_may_read_it(
    http: httpx.AsyncClient, filled: None, field: Guarded, caller: str
) -> None:
    claims = CALLERS[caller]
    response = await post(http, field.query, token(**claims))
    body = response.json()
    assert response.status_code == 200
    if _may(claims, field):
        assert "errors" not in body
        assert field.value(body["data"]) is not None
    else:
        assert field.value(body["data"]) is None
        (error,) = body["errors"]
        assert error["extensions"] == {"code": "FORBIDDEN"}
        assert error["path"][-1] == field.name


@pytest.mark.parametrize("bearer", [None, "", "nonsense", token(secret="x" * 32)])
@pytest.mark.parametrize("field", GUARDED, ids=lambda field: f"{field.parent}.{field.name}")
async def test_a_guarded_field_answers_nothing_without_a_good_token(
    http: httpx.AsyncClient, filled: None, field: Guarded, bearer: str | None
) -> None:
    response = await post(http, field.query, bearer)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert "data" not in response.json()


async def test_fields_beside_a_denied_one_still_answer(
    http: httpx.AsyncClient, filled: None
) -> None:
    staff = token(role="staff", permissions=["view_customers"])
    response = await post(
        http, "{ metrics { totalCustomers totalStaff totalProducts } viewer { role } }", staff
    )
    body = response.json()
    assert body["data"]["metrics"]["totalCustomers"] is not None
    assert body["data"]["metrics"]["totalStaff"] is None
    assert body["data"]["metrics"]["totalProducts"] is None
    assert body["data"]["viewer"] == {"role": "STAFF"}
    assert [error["path"] for error in body["errors"]] == [
        ["metrics", "totalStaff"],
        ["metrics", "totalProducts"],
    ]


@pytest.mark.parametrize("caller", CALLERS)
async def test_a_denied_number_stays_hidden_beside_any_that_is_counted_with_it(
    http: httpx.AsyncClient, filled: None, caller: str
) -> None:
    fields = [field for field in GUARDED if field.parent == "Metrics"]
    allowed = [field.name for field in fields if _may(CALLERS[caller], field)]
    denied = [field.name for field in fields if not _may(CALLERS[caller], field)]
    bearer = token(**CALLERS[caller])
    for shown, hidden in product(allowed, denied):
        selection = " ".join(
            f"{name} {every_field(named(fields_of('Metrics')[name].type))}"
            for name in (shown, hidden)
        )
        body = (await post(http, f"{{ metrics {{ {selection} }} }}", bearer)).json()
        assert body["data"]["metrics"][shown] is not None
        assert body["data"]["metrics"][hidden] is None
        assert [error["extensions"]["code"] for error in body["errors"]] == ["FORBIDDEN"]
