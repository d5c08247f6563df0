"""Requests of GraphQL over HTTP: their parameters, from a body or a URL."""

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, TypeVar

from cross_web import HTTPException

from errors import quoted
from schema.operation_size import NAME_MAX
from server.http.graphql_responses import JSON

_TYPES: Final[Mapping[type, str]] = {str: "a string", dict: "an object"}
_NO_BATCHES: Final = (
    "The request's body is a JSON array: this server accepts no batches. Send each operation in a "
    'request of its own, as one JSON object: {"query": "{ viewer { role } }"}.'
)

_T = TypeVar("_T")


class Parameters(NamedTuple):
    """The parameters of a request."""

    query: str | None
    variables: dict[str, Any] | None
    operation_name: str | None
    extensions: dict[str, Any] | None
    document_id: str | None


def from_url(given: Mapping[str, Any]) -> Parameters:
    """The parameters in a URL; raises `HTTPException` for a wrong one."""
    encoded = {
        name: _decoded(f"'{name}'", given[name]) if given[name] else None
        for name in ("variables", "extensions")
        if name in given
    }
    return _checked({**given, **encoded})


def from_body(content_type: str, body: bytes) -> Parameters:
    """The parameters in a body; raises `HTTPException` for a wrong one."""
    if content_type.partition(";")[0].strip().lower() != JSON:
        raise HTTPException(400, f"Content-Type is {quoted(content_type)}: send {JSON}.")
    value = _decoded("The request's body", body)
    if isinstance(value, list):
        raise HTTPException(400, _NO_BATCHES)
    if not isinstance(value, dict | None):
        raise HTTPException(400, "The request's body must be a JSON object.")
    return _checked(value or {})


def _checked(given: Mapping[str, Any]) -> Parameters:
    name = _parameter(given, "operationName", str)
    if name is not None and len(name) > NAME_MAX:
        message = f"has {len(name):,} characters; at most {NAME_MAX} are allowed."
        raise HTTPException(400, f"'operationName' {message}")
    return Parameters(
        query=_parameter(given, "query", str),
        variables=_parameter(given, "variables", dict),
        # Some clients send an empty name if there is none.
        operation_name=name or None,
        extensions=_parameter(given, "extensions", dict),
        document_id=_parameter(given, "documentId", str),
    )


def _parameter(given: Mapping[str, Any], name: str, type: type[_T]) -> _T | None:
    value = given.get(name)
    if not isinstance(value, type | None):
        raise HTTPException(400, f"'{name}' must be {_TYPES[type]} or null.")
    return value


def _decoded(what: str, text: str | bytes) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, f"{what} is not valid JSON: {error}.") from error
