"""Ids of stats: the keys under which clients cache them."""

import json
from datetime import date
from enum import Enum
from typing import Any

from graphql import get_named_type
from graphql.execution.values import VariableValues, get_argument_values

from schema.context import Info


def identity(info: Info) -> str:
    """The id of the stats of a root field: the type's name, and the field's arguments.

    For example `DashboardStats({"mode":"TOTAL","timezone":"UTC"})`. Defaults are filled in, and an
    argument that is null is left out: equal arguments make equal ids, other arguments other ids.
    """
    raw: Any = info._raw_info
    field = raw.parent_type.fields[raw.field_name]
    # Strawberry gives resolvers the coerced values only.
    variables = VariableValues({}, raw.variable_values)
    values = get_argument_values(field, raw.field_nodes[0], variables)
    arguments = {
        name: value
        for name, argument in field.args.items()
        if (value := values.get(argument.out_name or name)) is not None
    }
    kind: str = get_named_type(field.type).name
    if not arguments:
        return kind
    text = json.dumps(arguments, default=_text, separators=(",", ":"), sort_keys=True)
    return f"{kind}({text})"


def _text(value: object) -> str:
    """The text of an enum or a date; raises `TypeError` for a value of another type."""
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"An argument of stats is an enum, a date or JSON; it is {type(value)}.")
