"""Declared values: the dataclasses that answers consist of, with a description for each field."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, dataclass_transform, get_type_hints

from auth.viewer import Permission, Role
from resolvers.kpi.units import Unit

_T = TypeVar("_T")


@dataclass(frozen=True)
class FieldDeclaration:
    """A field as the schema and the docs need it; `type` is its Python type."""

    name: str
    type: Any
    description: str
    unit: Unit[Any] | None = None
    readers: Permission | tuple[Role, ...] | None = None

    @property
    def text(self) -> str:
        """The description, and how the unit rounds."""
        return (
            f"{self.description} {self.unit.note}"
            if self.unit and self.unit.note
            else self.description
        )


def described(description: str, unit: Unit[Any] | None = None, **options: Any) -> Any:
    """A field of a `value`: what it means, and its unit if it is no nested value."""
    given = options.pop("metadata", {})
    metadata = {"description": description, "unit": unit, **given}
    return dataclasses.field(metadata=metadata, **options)


@dataclass_transform(field_specifiers=(described,))
def value(kind: type[_T]) -> type[_T]:
    """Makes a class one of the values of answers; its docstring is its description.

    Not frozen, as frozen ones take two thirds longer to make and a page has hundreds.
    """
    return dataclass(slots=True)(kind)


def fields_of_values(kind: Callable[..., Any]) -> Sequence[FieldDeclaration]:
    """The declarations of a `value`'s fields."""
    types = get_type_hints(kind)
    return [
        FieldDeclaration(
            each.name, types[each.name], each.metadata["description"], each.metadata["unit"]
        )
        for each in dataclasses.fields(kind)  # type: ignore[arg-type]
    ]
