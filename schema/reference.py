"""The reference of fields in docs/kpis.md: a table for each type, made of the schema."""

import re
from collections.abc import Iterator
from typing import Any, Final

from graphql import GraphQLInputObjectType, GraphQLObjectType, GraphQLSchema

from resolvers.kpi.declarations import declarations_of
from schema.rules import rules_of
from schema.types import declared_types

_TABLE: Final = re.compile(r"<!-- fields: (\w+) -->\n.*?<!-- end -->", re.DOTALL)


def with_tables(page: str, schema: GraphQLSchema) -> str:
    """The page with the table of each type between the type's two markers.

    Raises `LookupError` if a type of the schema has no markers, or markers no type.
    """
    types = {type_.name: type_ for type_ in _documented(schema)}
    named = {match[1] for match in _TABLE.finditer(page)}
    if wrong := named ^ {*types}:
        raise LookupError(
            f"docs/kpis.md must have '<!-- fields: NAME -->' and '<!-- end -->' for each type, and "
            f"for no other; see {', '.join(sorted(wrong))}."
        )

    def table(match: re.Match[str]) -> str:
        lines = "\n".join(_lines(types[match[1]]))
        return f"<!-- fields: {match[1]} -->\n\n{lines}\n\n<!-- end -->"

    return _TABLE.sub(table, page)


def _documented(schema: GraphQLSchema) -> Iterator[GraphQLObjectType | GraphQLInputObjectType]:
    for type_ in schema.type_map.values():
        if type_.name.startswith("__"):
            continue
        if isinstance(type_, GraphQLObjectType | GraphQLInputObjectType):
            yield type_


def _lines(type_: GraphQLObjectType | GraphQLInputObjectType) -> Iterator[str]:
    units = _units(type_.name)
    readers = {name: _readers(field) for name, field in type_.fields.items()}
    guarded = any(readers.values())
    yield f"| field | type |{' who may read it |' if guarded else ''} meaning |"
    yield f"|---|---|{'---|' if guarded else ''}---|"
    for name, field in type_.fields.items():
        unit = f", {units[name]}" if name in units else ""
        who = f" {readers[name]} |" if guarded else ""
        yield f"| `{name}` | `{field.type}`{unit} |{who} {field.description} |"


def _units(name: str) -> dict[str, str]:
    """Field → its unit, of the fields whose type does not say it."""
    declared = declared_types().get(name)
    if declared is None:
        return {}
    return {
        _camel(each.name): each.unit.name
        for each in declarations_of(declared)
        if each.unit is not None and each.type in (int, float)
    }


def _readers(field: Any) -> str:
    rules = rules_of(field) if isinstance(field.extensions, dict) else []
    return ", ".join(rule.readers() for rule in rules)


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))
