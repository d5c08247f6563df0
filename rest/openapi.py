"""The OpenAPI document: the paths of stored operations and of exports."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import Any, Final, TypeAlias

from graphql import GraphQLEnumType, Undefined, get_named_type, get_nullable_type

from rest.openapi_exports import EXPORTS
from rest.openapi_parameters import FLAG, OBJECT_ID, TEXT, TIME, parameter
from rest.operation import Parameter, StoredOperation
from rest.shape import Member

Schema: TypeAlias = dict[str, Any]

_SCALARS: Final[Mapping[str, Schema]] = {
    "Boolean": {"type": "boolean"},
    "Date": {"type": "string", "format": "date"},
    "DateTime": {"type": "string", "format": "date-time"},
    "Float": {"type": "number", "format": "double"},
    "ID": {"type": "string"},
    "Int": {"type": "integer", "format": "int32"},
    "JSON": {},
    "String": {"type": "string"},
}
_PARAMETERS: Final[Mapping[str, Schema]] = {
    "Boolean": {**FLAG},
    "DateTime": {**TIME},
    "ID": {**OBJECT_ID},
    "Int": {"type": "integer"},
    "String": {**TEXT},
}
_ERRORS: Final = {
    "401": "The token is missing or invalid.",
    "403": "The caller lacks the role or the permission.",
    "404": "There is no such event that the caller may see.",
    "422": "A parameter is invalid; each is named.",
    "426": "Exports need HTTP/1.1.",
    "429": "Too many requests of this caller are waiting.",
    "503": "The database can't be reached, or the server is busy.",
}
_ERROR: Final[Schema] = {
    "type": "object",
    "description": "A request that failed.",
    "required": ["detail", "errors"],
    "properties": {
        "detail": {"type": "string", "description": "All errors, in words."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["message", "extensions"],
                "properties": {
                    "message": {"type": "string"},
                    "extensions": {
                        "type": "object",
                        "required": ["code"],
                        "properties": {
                            "code": {"type": "string"},
                            "argument": {
                                "type": "string",
                                "description": "The parameter that is invalid.",
                            },
                        },
                    },
                },
            },
        },
    },
}


def document(operations: Iterable[StoredOperation]) -> dict[str, Any]:
    """The document, without the server's URL."""
    operations = sorted(operations, key=lambda one: one.paths[0])
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Headcount",
            "version": version("headcount"),
            "description": "KPIs of an events, ticketing and commerce platform. Numbers are those "
            "of the GraphQL API.",
        },
        "security": [{"bearer": []}],
        "paths": {**dict(_paths(operations)), **EXPORTS},
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "token": {
                    "type": "apiKey",
                    "in": "query",
                    "name": "token",
                    "description": "A link token of `exportLink`, or a bearer token.",
                },
            },
            "schemas": {
                "Error": _ERROR,
                **{one.name: _answer(one) for one in operations},
            },
            "responses": {
                status: {
                    "description": text,
                    "content": {
                        "application/json": {"schema": {"$ref": "#/components/schemas/Error"}}
                    },
                }
                for status, text in _ERRORS.items()
            },
        },
    }


def _paths(operations: Iterable[StoredOperation]) -> Iterator[tuple[str, Any]]:
    for one in operations:
        for number, path in enumerate(one.paths):
            in_path = [each for each in one.parameters if f"{{{each.name}}}" in path]
            in_query = [each for each in one.parameters if each not in in_path]
            parameters = [
                *(_parameter(each, "path") for each in in_path),
                *(_parameter(each, "query") for each in in_query),
            ]
            readers = dict.fromkeys(rule.readers() for rule in one.prepared.rules)
            yield (
                path,
                {
                    "get": {
                        "operationId": f"{one.name}{number + 1 if number else ''}",
                        "summary": one.description,
                        "description": f"For {'; '.join(readers)}.",
                        "tags": [one.tag],
                        "parameters": parameters,
                        "responses": _responses(one, [*_statuses(one, in_path)]),
                    }
                },
            )


def _statuses(one: StoredOperation, in_path: Sequence[Parameter]) -> Iterator[str]:
    """The statuses of errors that an operation answers."""
    for status in _ERRORS:
        if status == "404" and not in_path and not _may_be_missing(one.shape.root):
            continue
        if status == "422" and len(in_path) == len(one.parameters):
            continue
        if status != "426":
            yield status


def _may_be_missing(member: Member) -> bool:
    return member.else_not_found is not None or any(map(_may_be_missing, member.members))


def _responses(one: StoredOperation, statuses: Iterable[str]) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": {"$ref": f"#/components/schemas/{one.name}"}}
    if one.example is not None:
        content["example"] = one.example
    tag = {"ETag": {"schema": {"type": "string"}}}
    return {
        "200": {
            "description": "The answer.",
            "headers": tag,
            "content": {"application/json": content},
        },
        "304": {"description": "The client has the answer already.", "headers": tag},
        **{status: {"$ref": f"#/components/responses/{status}"} for status in statuses},
    }


def _parameter(given: Parameter, place: str) -> dict[str, Any]:
    type_: Any = get_nullable_type(given.type)
    default = given.default
    if isinstance(type_, GraphQLEnumType):
        schema: Schema = {"type": "string", "enum": [each.lower() for each in type_.values]}
        default = default if default is Undefined else default.lower()
    else:
        schema = dict(_PARAMETERS[type_.name])
    if type_.name == "Int":
        schema["minimum"], schema["maximum"] = given.bounds
    if default is not Undefined:
        schema["default"] = default
    return parameter(given.name, given.description, schema, place=place, required=given.required)


def _answer(one: StoredOperation) -> Schema:
    answer = _value(one.shape.root)
    return {**answer, "description": one.description}


def _value(member: Member) -> Schema:
    """The schema of a member's value."""
    named = get_named_type(member.field.type)
    schema: Schema
    if member.map is not None:
        schema = {"type": "object", "additionalProperties": _mapped(member)}
    else:
        if isinstance(named, GraphQLEnumType):
            schema = {"type": "string", "enum": [each.lower() for each in named.values]}
        elif member.members:
            schema = _object(member.members)
        else:
            schema = dict(_SCALARS[named.name])
        if member.is_list:
            schema = {"type": "array", "items": schema}
    if member.field.description:
        schema["description"] = member.field.description
    if member.nullable and "type" in schema:
        schema["type"] = [schema["type"], "null"]
    return schema


def _mapped(member: Member) -> Schema:
    """The schema of the values of a map."""
    key, value = (member.map or {})["key"], (member.map or {}).get("value")
    if value is not None:
        return next(_value(each) for each in member.members if each.name == value)
    return _object([each for each in member.members if each.name != key])


def _object(members: Iterable[Member]) -> Schema:
    shown = [each for each in members if each.shown]
    return {
        "type": "object",
        "required": [each.name for each in shown if not each.absent_if_null],
        "properties": {each.name: _value(each) for each in shown},
    }
