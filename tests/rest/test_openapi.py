"""The OpenAPI document is valid, names what the server serves, and describes its answers."""

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any, Final, TypeAlias

import pytest
from jsonschema_rs import Draft202012Validator

import schema
from exports.addresses import EVENTS_DASHBOARD_ROUTE, TICKET_REPORT_ROUTE
from rest.openapi import document
from rest.operation import STORED, stored_operations
from schema.execution.turns import Turns
from tests.clients.npm import CONSOLE, needs, node
from tests.conftest import Dataset
from tests.rest.conftest import Get
from tests.rest.reference import DASHBOARD_STATS, EVENTS_DASHBOARD, REPORT
from tests.strategies import nasty, oid
from tests.strategies_behaviour import nasty_behaviour

Fill: TypeAlias = Callable[[Dataset], None]
Json: TypeAlias = dict[str, Any]

OPERATIONS: Final = [*stored_operations(schema.build(), Turns(), STORED)]
DOCUMENT: Final[Json] = json.loads(json.dumps(document(OPERATIONS)))
# Two rules of taste are off: the reference has a path with a final slash.
_LINT: Final = """
import { createConfig, lintFromString } from '@redocly/openapi-core'

const rules = { 'info-license': 'off', 'no-path-trailing-slash': 'off' }
const config = await createConfig({ extends: ['recommended-strict'], rules })
const source = process.env.DOCUMENT
const problems = await lintFromString({ source, absoluteRef: 'openapi.json', config })
console.log(JSON.stringify(problems.map(({ message, location }) => [location[0].pointer, message])))
"""


def _problems(of: Json) -> list[list[str]]:
    text = json.dumps({**of, "servers": [{"url": "http://headcount.test"}]})
    found: list[list[str]] = json.loads(
        node("--input-type=module", folder=CONSOLE, module=_LINT, DOCUMENT=text)
    )
    return found


@needs("@redocly/openapi-core")
def test_the_document_is_valid() -> None:
    assert _problems(DOCUMENT) == []
    spoilt = deepcopy(DOCUMENT)
    spoilt["components"]["schemas"]["Event"]["type"] = "record"
    spoilt["paths"]["/metrics/inventory"]["get"]["responses"]["403"] = {"$ref": "#/nowhere"}
    assert {pointer for pointer, _ in _problems(spoilt)} >= {
        "#/components/schemas/Event/type",
        "#/paths/~1metrics~1inventory/get/responses/403",
    }


def test_each_path_has_its_parameters() -> None:
    paths = {path: one for one in OPERATIONS for path in one.paths}
    assert {*DOCUMENT["paths"]} == {*paths, EVENTS_DASHBOARD_ROUTE, TICKET_REPORT_ROUTE}
    for path, one in paths.items():
        given = {
            (each["name"], each["required"]): each["in"]
            for each in DOCUMENT["paths"][path]["get"]["parameters"]
        }
        assert given == {
            (each.name, each.required): "path" if f"{{{each.name}}}" in path else "query"
            for each in one.parameters
        }


def test_an_empty_parameter_is_allowed_unless_it_is_required() -> None:
    for methods in DOCUMENT["paths"].values():
        for each in methods["get"]["parameters"]:
            refused = {"minLength", "pattern", "minimum"} & {*each["schema"]}
            assert each.get("allowEmptyValue", False) is not each["required"]
            assert refused or not each["required"]


# ---------------------------------------------------------------- answers


def _closed(part: Any) -> Any:
    """A schema whose objects have no members but those that it names."""
    if isinstance(part, list):
        return [_closed(each) for each in part]
    if not isinstance(part, dict):
        return part
    closed = {name: _closed(each) for name, each in part.items()}
    return {"additionalProperties": False, **closed} if "properties" in part else closed


def _check(status: str, path: str, value: Any) -> None:
    """Asserts that the document describes an answer of a path."""
    response = DOCUMENT["paths"][path]["get"]["responses"][status]
    *_, name = response.get("$ref", "").split("/")
    response = DOCUMENT["components"]["responses"].get(name, response)
    content = response["content"]["application/json"]["schema"]
    closed = _closed({**content, "components": DOCUMENT["components"]})
    Draft202012Validator(closed, validate_formats=True).validate(value)


def _examples() -> Iterator[tuple[str, Any]]:
    for path, methods in DOCUMENT["paths"].items():
        content = methods["get"]["responses"]["200"]["content"].get("application/json", {})
        if "example" in content:
            yield path, content["example"]


@pytest.mark.parametrize(("path", "example"), [*_examples()])
def test_an_example_fits_its_schema(path: str, example: Any) -> None:
    _check("200", path, example)


def test_each_operation_has_an_example() -> None:
    assert {path for path, _ in _examples()} == {path for one in OPERATIONS for path in one.paths}


_TICKETS: Final = f"mobileAppId=app&limit=1000&offset=0&eventId={oid(1)}"
REQUESTS: Final = [
    (DASHBOARD_STATS, ""),
    (DASHBOARD_STATS, "mode=unique"),
    (f"{EVENTS_DASHBOARD}/events", "limit=500"),
    (f"{EVENTS_DASHBOARD}/events/{{event_id}}", ""),
    (f"{EVENTS_DASHBOARD}/orders", ""),
    (f"{EVENTS_DASHBOARD}/overview", ""),
    (f"{EVENTS_DASHBOARD}/promo-codes", ""),
    ("/metrics/admin-dashboard", ""),
    ("/metrics/inventory", ""),
    ("/metrics/staff-dashboard", ""),
    (f"{REPORT}/tickets", _TICKETS),
    (f"{REPORT}/{{eventId}}/tickets", _TICKETS),
]


def _url(path: str, query: str = "") -> str:
    return f"{path.format(event_id=oid(1), eventId=oid(1))}?{query}"


BAD: Final[Dataset] = {**nasty(), **nasty_behaviour()}


@pytest.mark.parametrize("data", [BAD, {}], ids=["bad documents", "no documents"])
async def test_each_answer_fits_its_schema(fill: Fill, get: Get, data: Dataset) -> None:
    event = {"_id": oid(1), "mobile_app_ids": ["app"]}
    others = [each for each in data.get("events", []) if each["_id"] != oid(1)]
    tickets = [{**each, "event_id": oid(1)} for each in data.get("tickets", [])]
    fill({**data, "events": [event, *others], "tickets": tickets})
    assert {path for path, _ in REQUESTS} == {path for one in OPERATIONS for path in one.paths}
    for path, query in REQUESTS:
        response = await get(_url(path, query))
        assert response.status_code == 200, response.text
        _check("200", path, response.json())


async def test_each_error_is_described(fill: Fill, get: Get) -> None:
    fill({})
    for path in DOCUMENT["paths"]:
        responses = DOCUMENT["paths"][path]["get"]["responses"]
        nobody = await get(_url(path), headers={"authorization": ""})
        customer = await get(_url(path), role="customer")
        # Some have no parameter that is invalid, or no event that is absent.
        twice = "&".join(f"{name}=x" for name in ("eventId", "limit", "mode", "active_only") * 2)
        invalid = await get(_url(path, twice))
        found = [("401", nobody), ("403", customer)]
        if "422" in responses:
            found.append(("422", invalid))
        for status, response in found:
            assert str(response.status_code) == status, (path, response.text)
            _check(status, path, response.json())
    absent = await get(_url(f"{EVENTS_DASHBOARD}/events/{{event_id}}"))
    assert absent.status_code == 404
    _check("404", f"{EVENTS_DASHBOARD}/events/{{event_id}}", absent.json())
