"""Which fields a document has, nested ones included."""

from typing import Any, get_args, get_origin

from pydantic import BaseModel


def has_field(model: type[BaseModel], path: str) -> bool:
    """Whether `path` (`wallet.status`, `_id`) is a field, or lies in one of no fixed shape."""
    first, _, rest = path.partition(".")
    found = model.model_fields.get("id" if first == "_id" else first)
    return found is not None and (not rest or _holds(found.annotation, rest))


def _holds(annotation: Any, path: str) -> bool:
    if get_origin(annotation) is dict:
        return True
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return has_field(annotation, path)
    return any(_holds(each, path) for each in get_args(annotation))
