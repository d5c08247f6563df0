"""Random operations and results of resolvers, reproducible from the seed of `random`."""

import json
from collections.abc import Callable, Generator, Mapping
from dataclasses import make_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from itertools import count
from random import Random
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    Undefined,
    get_named_type,
)


class Operation:
    """A random operation: `text` and `variables`."""

    def __init__(self, random: Random, schema: GraphQLSchema) -> None:
        self._random = random
        self._aliases = count()
        self._fragments: list[str] = []
        self.variables = {
            f"b{number}": random.random() < 0.5 for number in range(random.randrange(4))
        }
        root = schema.query_type
        assert root is not None
        # Fields of the same name may have different arguments, so each has its own alias.
        selected = " ".join(
            f"{self._alias(name)}{self._arguments(field.args)} {self._directives()} "
            f"{self._selection(field.type, 4)}"
            for name, field in random.sample([*root.fields.items()], random.randrange(1, 4))
        )
        declared = ", ".join(f"${name}: Boolean!" for name in self.variables)
        head = f"query ({declared}) " if declared else ""
        self.text = f"{head}{{ {selected} }} {' '.join(self._fragments)}"

    def _alias(self, name: str) -> str:
        return f"a{next(self._aliases)}: {name}"

    def _arguments(self, arguments: Mapping[str, GraphQLArgument]) -> str:
        given = {
            name: self._literal(argument.type)
            for name, argument in arguments.items()
            if (isinstance(argument.type, GraphQLNonNull) and argument.default_value is Undefined)
            or self._random.random() < 0.5
        }
        return "(" + ", ".join(f"{k}: {v}" for k, v in given.items()) + ")" if given else ""

    def _literal(self, type_: Any) -> str:
        if isinstance(type_, GraphQLNonNull):
            return self._literal(type_.of_type)
        if isinstance(type_, GraphQLEnumType):
            return str(self._random.choice([*type_.values]))
        if isinstance(type_, GraphQLInputObjectType):
            return "{" + self._arguments(_required(type_)).strip("()") + "}"
        literals: dict[str, str] = {
            "Int": "3", "Boolean": "true", "Float": "1.5", "DateTime": '"2026-05-01T00:00:00Z"',
        }  # fmt: skip
        return literals.get(str(type_), '"0123456789abcdef01234567"')

    def _directives(self) -> str:
        if self._random.random() < 0.85:
            return ""
        name = self._random.choice(["skip", "include"])
        values = [*(f"${variable}" for variable in self.variables), "true", "false"]
        return f"@{name}(if: {self._random.choice(values)})"

    def _selection(self, type_: Any, depth: int) -> str:
        named = get_named_type(type_)
        if not isinstance(named, GraphQLObjectType):
            return ""
        parts = []
        for _ in range(self._random.randrange(1, 6)):
            kind = self._random.random()
            if kind < 0.06:
                parts.append(f"{'__typename' if kind < 0.03 else self._alias('__typename')}")
            elif kind < 0.13 and depth:
                on = f"on {named.name}" if kind < 0.1 else ""
                parts.append(f"... {on} {self._directives()} {self._selection(named, depth - 1)}")
            elif kind < 0.2 and depth:
                name = f"F{next(self._aliases)}"
                below = self._selection(named, depth - 1)
                self._fragments.append(f"fragment {name} on {named.name} {below}")
                parts += [f"...{name} {self._directives()}"] * self._random.randrange(1, 3)
            else:
                name, field = self._random.choice([*named.fields.items()])
                shown = self._alias(name) if self._random.random() < 0.3 else name
                below = self._selection(field.type, depth - 1)
                parts.append(f"{shown} {self._directives()} {below}")
        return "{ " + " ".join(parts) + " }"


def _required(type_: GraphQLInputObjectType) -> Mapping[str, GraphQLArgument]:
    return {name: GraphQLArgument(field.type) for name, field in type_.fields.items()}


class Later:
    """An awaitable that gives no warning if it is never awaited."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __await__(self) -> Generator[None, None, object]:
        yield from ()
        return self._value


class Results:
    """Random results of resolvers; `faults` is the share of invalid values, from 0 to 1."""

    def __init__(self, random: Random, faults: float) -> None:
        self._random = random
        self._faults = faults

    def of(self, type_: Any) -> Any:
        """A result of a type, or sometimes a fault."""
        random = self._random
        if random.random() < self._faults:
            return self._fault(type_)
        if isinstance(type_, GraphQLNonNull):
            return self._some(type_.of_type)
        return None if random.random() < 0.1 else self._some(type_)

    def _some(self, type_: Any) -> Any:
        random = self._random
        if isinstance(type_, GraphQLList):
            made = [self.of(type_.of_type) for _ in range(random.randrange(4))]
            return tuple(made) if random.random() < 0.3 else made
        if isinstance(type_, GraphQLObjectType):
            names = {
                field.extensions["strawberry-definition"].python_name: field.type
                for field in type_.fields.values()
            }
            fields = {name: self.of(inner) for name, inner in names.items()}
            if random.random() < self._faults:
                fields.pop(random.choice([*fields]))
            made_of: Any = _class(type_.name, tuple(fields))
            return made_of(**fields)
        if isinstance(type_, GraphQLEnumType):
            members: Any = type_
            return random.choice([*members.wrapped_cls])
        scalars: dict[str, Callable[[], Any]] = {
            "Int": lambda: random.choice([0, 1, -(2**31), 2**31 - 1, random.randrange(10**6)]),
            "Float": lambda: random.choice([0.0, -0.0, 1e300, 0.1, random.random() * 1e6]),
            "Boolean": lambda: random.random() < 0.5,
            "DateTime": lambda: datetime(2026, 5, random.randrange(1, 29), 7, 8, 9, tzinfo=UTC),
            "Date": lambda: date(2026, 5, random.randrange(1, 29)),
            "JSON": lambda: random.choice(
                [{}, {"a": [1, {"b": None}]}, [], [0.5], "text", 7, True]
            ),
        }
        texts = ["", "São João", "\u2028", "x" * 50]
        return scalars.get(type_.name, lambda: random.choice(texts))()

    def _fault(self, type_: Any) -> Any:
        random = self._random
        # Values that a wrong implementation most easily accepts.
        near: dict[str, list[object]] = {
            "Int": [2**31, -(2**31) - 1, True, 1.0],
            "Float": [float("nan"), float("inf"), 7, 2**70],
            "String": [7, True],
            "Boolean": [0, 1.0],
            "JSON": [None, Undefined, ValueError("stored in place of a value"), float("nan")],
        }
        values = near.get(get_named_type(type_).name)
        # A JSON field gets only these faults: no executor rejects other values.
        if values and (random.random() < 0.5 or get_named_type(type_).name == "JSON"):
            return random.choice(values)
        return random.choice(
            [
                lambda: None,
                lambda: ValueError("stored in place of a value"),
                lambda: Undefined,
                lambda: float("-inf"),
                lambda: 7,
                lambda: 7.5,
                lambda: True,
                lambda: "7",
                lambda: "text",
                lambda: Decimal("1.5"),
                lambda: date(2026, 5, 1),
                lambda: datetime(2026, 5, 1),  # noqa: DTZ001
                lambda: b"bytes",
                list,
                lambda: [None],
                dict,
                lambda: iter([self.of(type_)]),
                lambda: {1, 2}.__class__(),
                lambda: Later(self.of(type_)),
                lambda: Later(ValueError("came late")),
                object,
            ]
        )()


@cache
def _class(name: str, fields: tuple[str, ...]) -> type:
    return make_dataclass(name, fields)


def as_json(value: object) -> str:
    """The value as JSON text, which distinguishes the order of keys, and 1, 1.0 and true."""
    return json.dumps(value)
