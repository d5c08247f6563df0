"""Parameters of URLs, in OpenAPI's terms."""

from collections.abc import Mapping
from typing import Any, Final

TEXT: Final[Mapping[str, Any]] = {"type": "string"}
FLAG: Final[Mapping[str, Any]] = {"type": "boolean"}
OBJECT_ID: Final[Mapping[str, Any]] = {"type": "string", "pattern": "^[0-9a-fA-F]{24}$"}
TIME: Final[Mapping[str, Any]] = {
    "type": "string",
    "description": "ISO 8601, in UTC without an offset; or 13 digits, milliseconds since 1970.",
    "anyOf": [{"format": "date-time"}, {"format": "date"}, {"pattern": "^[0-9]{13}$"}],
}


def parameter(
    name: str, description: str, schema: Mapping[str, Any], *, place: str = "query", required: bool
) -> dict[str, Any]:
    """A parameter. An empty one counts as absent."""
    if required and schema == TEXT:
        schema = {**schema, "minLength": 1}
    described = {
        "name": name,
        "in": place,
        "required": required,
        "description": description,
        "schema": schema,
    }
    return described if required else {**described, "allowEmptyValue": True}
