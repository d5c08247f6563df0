"""The selection of a field: only selected fields are computed."""

from typing import Any

from graphql import GraphQLObjectType, get_named_type
from graphql.execution.collect_fields import FieldDetails, FragmentDetails, collect_subfields
from graphql.execution.values import VariableValues
from strawberry.types.field import StrawberryField

from schema.context import Info
from schema.rules import Rule


def selected(info: Info, *path: str) -> frozenset[str]:
    """The Python names of the fields selected below the current one, or below a path of fields.

    graphql-core's own collection resolves aliases, fragments, `@skip` and `@include`. A field that
    the viewer may not read is left out, so nothing is computed for it.
    """
    raw: Any = info._raw_info
    fragments = {name: FragmentDetails(node) for name, node in raw.fragments.items()}
    # Strawberry gives resolvers the coerced values only.
    variables = VariableValues({}, raw.variable_values)
    parent = get_named_type(raw.return_type)
    nodes = [FieldDetails(node, None) for node in raw.field_nodes]

    def below(parent: GraphQLObjectType, nodes: list[FieldDetails]) -> dict[str, Any]:
        collected = collect_subfields(
            raw.schema, fragments, variables, raw.operation, parent, nodes
        )
        fields: dict[str, list[FieldDetails]] = {}
        for details in collected.grouped_field_set.values():
            fields.setdefault(details[0].node.name.value, []).extend(details)
        return fields

    fields = below(parent, nodes)
    for step in path:
        if step not in fields:
            return frozenset()
        parent = get_named_type(parent.fields[step].type)
        fields = below(parent, fields[step])

    definitions = (
        parent.fields[name].extensions["strawberry-definition"]
        for name in fields
        if name in parent.fields
    )
    return frozenset(field.python_name for field in definitions if _may_read(field, info))


def _may_read(field: StrawberryField, info: Info) -> bool:
    return all(
        rule.allows(info.context.viewer) for rule in field.extensions if isinstance(rule, Rule)
    )
