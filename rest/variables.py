"""The variables of a stored operation, read from the parameters of a URL."""

from collections.abc import Mapping
from typing import Any

from graphql import GraphQLEnumType, get_nullable_type

from exports.parameters import Parameters
from rest.operation import Parameter, StoredOperation


def variables(
    operation: StoredOperation, parameters: Parameters, path: Mapping[str, str]
) -> dict[str, Any]:
    """Name → value, as GraphQL takes it; those of absent parameters are left out.

    `path` has the values that the path has. `parameters.check` reports errors.
    """
    found = {
        each.name: parameters.object_id_in_path(each.name, path[each.name])
        if each.name in path
        else _value(each, parameters)
        for each in operation.parameters
    }
    return {name: value for name, value in found.items() if value is not None}


def _value(parameter: Parameter, parameters: Parameters) -> Any:
    name, required = parameter.name, parameter.required
    type_: Any = get_nullable_type(parameter.type)
    if isinstance(type_, GraphQLEnumType):
        choices = {each.lower(): each for each in type_.values}
        return parameters.choice(name, choices, required=required)
    match type_.name:
        case "Int":
            least, most = parameter.bounds
            return parameters.integer(name, least, most, required=required)
        case "Boolean":
            return parameters.flag(name, required=required)
        case "DateTime":
            time = parameters.date_time(name, required=required)
            return time and time.isoformat()
        case "ID":
            return parameters.object_id(name, required=required)
        case _:
            return parameters.text(name, required=required)
