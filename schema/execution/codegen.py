"""The code of compiled execution: a function for each object of a selection of attributes."""

from collections.abc import Callable, Iterator
from dataclasses import is_dataclass
from datetime import date, datetime
from itertools import count
from typing import Any, Final, TypeAlias

from graphql import (
    GraphQLEnumType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    Undefined,
)
from graphql.execution.collect_fields import FieldDetails
from strawberry.resolvers import is_default_resolver
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.types.field import StrawberryField

from resolvers.kpi.stats import Stats

CompletionPlan: TypeAlias = Callable[[Any], Any]
"""Completes a value; raises any exception if graphql-core has to complete it."""

# The guard of each specified scalar: `v` is the value of the leaf.
_UNEXPECTED: Final = {
    "Int": "type(v) is not int or not -2147483648 <= v <= 2147483647",
    # Infinite and NaN differ from themselves or from 0 here.
    "Float": "type(v) is not float or v - v != 0",
    "String": "type(v) is not str",
    "ID": "type(v) is not str",
    "Boolean": "type(v) is not bool",
}
# The types of other scalars' values: neither exceptions nor awaitable.
_SCALARS: Final = frozenset({bool, date, datetime, dict, float, int, list, str})


class Surprise(Exception):
    """A value that graphql-core has to complete."""


class NotCompilable(Exception):
    """A selection with a field that does more than read an attribute."""


class Code:
    """The code of a completion plan: a function for each object, and the names that these use."""

    def __init__(self, executor: StrawberryGraphQLCoreExecutionContext) -> None:
        self._executor = executor
        self._functions: list[str] = []
        self._names: dict[str, Any] = {
            "Surprise": Surprise, "Undefined": Undefined, "admit": admit, "objects": _OBJECTS,
            "scalars": _SCALARS,
        }  # fmt: skip
        self._numbers = count()

    def plan(self, type_: Any, details: list[FieldDetails]) -> tuple[CompletionPlan, int]:
        """The plan, and the length of its code in characters; raises `NotCompilable`."""
        name = self._function(self._completed(type_, details))
        code = "\n".join(self._functions)
        # The names in the code are GraphQL's, or the server's own attributes.
        exec(code, self._names)  # noqa: S102
        return self._names[name], len(code)

    def _function(self, lines: Iterator[str]) -> str:
        body = [*lines]
        name = f"complete_{next(self._numbers)}"
        self._functions += [f"def {name}(v):", *(f" {line}" for line in body), " return v"]
        return name

    def _named(self, value: object) -> str:
        name = f"given_{next(self._numbers)}"
        self._names[name] = value
        return name

    def _nullable(self, type_: Any, details: list[FieldDetails]) -> Iterator[str]:
        """Lines that complete `v`, of a type that may be null."""
        if isinstance(type_, GraphQLNonNull):
            yield from self._completed(type_.of_type, details)
        else:
            yield "if v is not None:"
            yield from (f" {line}" for line in self._completed(type_, details))

    def _completed(self, type_: Any, details: list[FieldDetails]) -> Iterator[str]:
        """Lines that complete `v`, of a type that is not null."""
        if isinstance(type_, GraphQLObjectType):
            yield from self._object(type_, details)
        elif isinstance(type_, GraphQLList):
            item = self._function(self._nullable(type_.of_type, details))
            yield "if type(v) is not list and type(v) is not tuple: raise Surprise"
            yield f"v = [{item}(each) for each in v]"
        elif isinstance(type_, GraphQLEnumType):
            yield f"v = {self._named(_values(type_))}[type(v), v]"
        elif isinstance(type_, GraphQLScalarType):
            if unexpected := _UNEXPECTED.get(type_.name):
                yield f"if {unexpected}: raise Surprise"
            else:
                yield "if type(v) not in scalars: raise Surprise"
                yield f"v = {self._named(type_.coerce_output_value)}(v)"
                yield "if v is None or v is Undefined: raise Surprise"
        else:
            raise NotCompilable

    def _object(self, type_: GraphQLObjectType, details: list[FieldDetails]) -> Iterator[str]:
        if type_.is_type_of:
            raise NotCompilable
        collected = self._executor.collect_subfields(type_, details)
        yield "if type(v) not in objects: admit(type(v))"
        yield "o = v"
        answers = []
        for response_name, below in collected.grouped_field_set.items():
            if below[0].node.name.value == "__typename":
                answers.append(f"{response_name!r}: {type_.name!r}")
                continue
            result = f"r{len(answers)}"
            answers.append(f"{response_name!r}: {result}")
            yield f"v = o.{_attribute(type_, below)}"
            yield from self._inlined(type_.fields[below[0].node.name.value].type, below)
            yield f"{result} = v"
        yield f"v = {{{', '.join(answers)}}}"

    def _inlined(self, type_: Any, below: list[FieldDetails]) -> Iterator[str]:
        inner = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
        if isinstance(inner, GraphQLObjectType):
            name = self._function(self._completed(inner, below))
            yield f"v = {name}(v)" if inner is not type_ else f"if v is not None: v = {name}(v)"
        else:
            yield from self._nullable(type_, below)


def _attribute(parent: GraphQLObjectType, details: list[FieldDetails]) -> str:
    """The attribute that a field reads; raises `NotCompilable` if the field does anything else."""
    field: Any = parent.fields[details[0].node.name.value]
    definition = field.extensions["strawberry-definition"]
    reads_attribute = (
        type(definition) is StrawberryField
        # Neither a resolver nor an extension; a rule is an extension.
        and definition.is_basic_field
        and definition.default_resolver is getattr
        and is_default_resolver(field.resolve)
    )
    if not reads_attribute:
        raise NotCompilable
    name: str = definition.python_name
    return name


def _values(type_: GraphQLEnumType) -> dict[tuple[type, object], str]:
    """(type, value) of a Python enum's members → name."""
    members = getattr(type_, "wrapped_cls", ())
    return {(type(each), each): type_.coerce_output_value(each) for each in members}


_OBJECTS: Final[set[type]] = set()


def admit(type_: type) -> None:
    """Admits a type of results, which only have attributes; raises `Surprise` for others."""
    result = is_dataclass(type_) or issubclass(type_, Stats)
    if not result or issubclass(type_, Exception) or hasattr(type_, "__await__"):
        raise Surprise
    _OBJECTS.add(type_)
