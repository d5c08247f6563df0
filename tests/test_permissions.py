"""The permission matrix: each field with a rule × each kind of caller, taken from the schema."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import httpx
import pytest
from bson import ObjectId
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLObjectType,
    get_named_type,
    is_required_argument,
)
from graphql.language import DirectiveNode

import schema
from schema.rules import PUBLIC, rules_of
from tests.conftest import Dataset, post, token
from tests.operations import SCHEMA, every_field, fields_of, named
from tests.strategies import nasty

ID = "0" * 24
_VALUES = {"ID": f'"{ID}"', "[ID!]": f'["{ID}"]', "String": '"app-1"', "Int": "9"}


@dataclass(frozen=True)
class Guarded:
    """A field with a rule that the SDL prints; its parent is Query or the type of a root field."""

    parent: str
    name: str
    directive: str
    allowed: frozenset[str]

    def queries(self) -> Iterator[str]:
        """Operations that select the field, one for each set of arguments of `_arguments`."""
        field = fields_of(self.parent)[self.name]
        for arguments in _arguments(field):
            selection = f"{self.name}{arguments} {every_field(named(field.type))}"
            path = self.path
            yield f"{{ {path[0]} {{ {selection} }} }}" if path else f"{{ {selection} }}"

    @property
    def path(self) -> list[str]:
        """The root field above this field; empty if this is a root field."""
        if self.parent == "Query":
            return []
        return [n for n, each in fields_of("Query").items() if named(each.type) == self.parent][:1]

    def value(self, data: Any) -> Any:
        for name in (*self.path, self.name):
            data = data[name]
        return data


def _arguments(field: GraphQLField) -> Iterator[str]:
    """The required arguments; then the optional ids with each value of each optional enum."""
    required = {name: each for name, each in field.args.items() if is_required_argument(each)}
    yield _written({n: _VALUES[str(each.type).removesuffix("!")] for n, each in required.items()})
    optional = {name: each for name, each in field.args.items() if name not in required}
    ids = {
        name: _VALUES[named(each.type)]
        for name, each in optional.items()
        if named(each.type) == "ID" or name.endswith("Id")
    }
    for name, each in optional.items():
        kind = get_named_type(each.type)
        if isinstance(kind, GraphQLEnumType) and ids:
            for value in kind.values:
                yield _written({name: value, **ids})


def _written(arguments: dict[str, str]) -> str:
    return f"({', '.join(f'{n}: {v}' for n, v in arguments.items())})" if arguments else ""


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
    "caller without a role": {},
}


def _may(claims: dict[str, Any], field: Guarded) -> bool:
    role = claims.get("role", "customer")
    if role == "admin":
        return True
    if field.directive == "requiresRole":
        return role.upper() in field.allowed
    held = {permission.upper() for permission in claims.get("permissions", ())}
    return role == "staff" and bool(held & field.allowed)


def test_a_root_field_without_a_printed_rule_is_public() -> None:
    built = schema.build()._schema
    printed = {(field.parent, field.name) for field in GUARDED}
    assert built.query_type is not None
    for name, field in built.query_type.fields.items():
        assert ("Query", name) in printed or rules_of(field) == PUBLIC


def test_both_kinds_of_rules_are_in_use() -> None:
    assert {field.directive for field in GUARDED} == {"requiresRole", "requiresPermission"}


@pytest.fixture(scope="module")
async def filled(fill: Callable[[Dataset], None]) -> None:
    data = {**nasty()}
    data["events"] = [{**data["events"][0], "_id": ObjectId(ID)}, *data["events"]]
    fill(data)


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("field", GUARDED, ids=lambda field: f"{field.parent}.{field.name}")
async def test_a_guarded_field_answers_only_callers_that_its_rule_allows(
    http: httpx.AsyncClient, filled: None, field: Guarded, caller: str
) -> None:
    claims = CALLERS[caller]
    answers = [await post(http, query, token(**claims)) for query in field.queries()]
    assert all(answer.status_code == 200 for answer in answers)
    bodies = [answer.json() for answer in answers]
    if _may(claims, field):
        good = [body for body in bodies if "errors" not in body]
        assert good
        assert all(field.value(body["data"]) is not None for body in good)
        return
    for body in bodies:
        assert field.value(body["data"]) is None
        (error,) = body["errors"]
        assert error["extensions"] == {"code": "FORBIDDEN"}
        assert error["path"][-1] == field.name


@pytest.mark.parametrize("bearer", [None, "", "nonsense", token(secret="x" * 32)])
@pytest.mark.parametrize("field", GUARDED, ids=lambda field: f"{field.parent}.{field.name}")
async def test_a_guarded_field_answers_nothing_without_a_valid_token(
    http: httpx.AsyncClient, filled: None, field: Guarded, bearer: str | None
) -> None:
    for query in field.queries():
        response = await post(http, query, bearer)
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
async def test_a_denied_metric_stays_hidden_beside_each_allowed_one(
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
