"""GraphQL types from declarations: a field for each KPI of stats and each field of a value."""

from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

import strawberry
from strawberry.scalars import JSON as JSON_SCALAR
from strawberry.types.field import StrawberryField

from resolvers.kpi.declarations import declarations_of
from resolvers.kpi.stats import Stats
from resolvers.kpi.units import ID, JSON
from resolvers.kpi.values import FieldDeclaration
from schema.rules import PUBLIC, rules

_TYPES: dict[type, type] = {}


def graphql_type(declared: type, **fields: StrawberryField) -> Any:
    """The GraphQL type of stats or of a value, of the same name; its docstring is the description.

    `fields` take the place of declared fields of the same names, if these have arguments.
    """
    if declared not in _TYPES:
        declarations = declarations_of(declared)
        namespace: dict[str, Any] = {
            "__annotations__": {
                each.name: _annotation(each) for each in declarations if each.name not in fields
            }
        }
        for each in declarations:
            namespace[each.name] = fields.get(each.name) or strawberry.field(
                description=each.text, extensions=rules(each.readers)
            )
        made = type(declared.__name__, (), namespace)
        description = " ".join((declared.__doc__ or "").split())
        _TYPES[declared] = strawberry.type(made, description=description)
    return _TYPES[declared]


def graphql_list(declared: type) -> Any:
    """The GraphQL type of a list of stats or values, none of them null."""
    return list[graphql_type(declared)]  # type: ignore[misc]


def declared_types() -> dict[str, type]:
    """Name of a GraphQL type → the class that declares it, of those that were made."""
    return {declared.__name__: declared for declared in _TYPES}


def _annotation(field: FieldDeclaration) -> Any:
    if field.unit is JSON:
        return JSON_SCALAR | None
    found = _converted(strawberry.ID if field.unit is ID else field.type)
    # A guarded field is null for those who may not read it.
    return found if rules(field.readers) in ([], PUBLIC) else found | None


def _converted(annotation: Any) -> Any:
    """The annotation with declared classes replaced by their GraphQL types."""
    if get_origin(annotation) is list:
        (item,) = get_args(annotation)
        return list[_converted(item)]  # type: ignore[misc]
    if get_origin(annotation) in (Union, UnionType):
        (item,) = (each for each in get_args(annotation) if each is not NoneType)
        return _converted(item) | None
    declared = isinstance(annotation, type) and (
        issubclass(annotation, Stats) or hasattr(annotation, "__dataclass_fields__")
    )
    return graphql_type(annotation) if declared else annotation
