"""The SDL: the committed file is up to date, and contains the contract."""

from pathlib import Path
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    is_required_argument,
    is_specified_scalar_type,
    print_ast,
)

import schema
from tests.operations import SCHEMA, SDL, named

CONTRACT = build_schema((Path(__file__).parent.parent / "contract.graphql").read_text())


def _reached(contract: GraphQLSchema) -> set[str]:
    """The names of all types that the contract's Query reaches."""
    reached: set[str] = set()
    pending = ["Query"]
    while pending:
        name = pending.pop()
        if name in reached:
            continue
        reached.add(name)
        for definition in _fields(contract, name).values():
            pending.append(named(definition.type))
            pending += [named(argument.type) for argument in _arguments(definition).values()]
    return reached


def _fields(of: GraphQLSchema, name: str) -> dict[str, Any]:
    return dict(getattr(of.type_map[name], "fields", {}))


def _arguments(field: Any) -> dict[str, Any]:
    return dict(getattr(field, "args", {}))


def _signature(field: Any) -> tuple[str, dict[str, tuple[str, object]], set[str]]:
    """Type, arguments with their defaults, and rules."""
    return (
        str(field.type),
        {name: (str(a.type), a.default_value) for name, a in _arguments(field).items()},
        {print_ast(directive) for directive in field.ast_node.directives or ()},
    )


def _assert_holds(field: Any, contract: Any) -> None:
    """A field may have further arguments, if none of them is required."""
    (type_, arguments, rules), wanted = _signature(field), _signature(contract)
    further = {name: each for name, each in _arguments(field).items() if name not in wanted[1]}
    assert (type_, {n: a for n, a in arguments.items() if n in wanted[1]}, rules) == wanted
    assert not any(is_required_argument(each) for each in further.values())


def test_the_committed_sdl_is_what_the_schema_prints() -> None:
    assert schema.sdl() == SDL


def test_the_sdl_contains_the_contract() -> None:
    reached = _reached(CONTRACT)
    assert len(reached) > 20
    for name in reached:
        ours = SCHEMA.type_map[name]
        assert type(ours) is type(CONTRACT.type_map[name])
        for field, definition in _fields(CONTRACT, name).items():
            _assert_holds(_fields(SCHEMA, name)[field], definition)
        values = getattr(CONTRACT.type_map[name], "values", {})
        assert set(values) <= set(getattr(ours, "values", {}))


def test_the_sdl_defines_the_contracts_directives() -> None:
    for name in ("requiresRole", "requiresPermission"):
        ours, theirs = SCHEMA.get_directive(name), CONTRACT.get_directive(name)
        assert ours is not None
        assert theirs is not None
        assert ours.locations == theirs.locations
        assert {k: str(a.type) for k, a in ours.args.items()} == {
            k: str(a.type) for k, a in theirs.args.items()
        }


def _kinds() -> list[GraphQLNamedType]:
    return [
        kind
        for name, kind in SCHEMA.type_map.items()
        if not name.startswith("__") and not is_specified_scalar_type(kind)
    ]


@pytest.mark.parametrize("kind", _kinds(), ids=str)
def test_everything_in_the_schema_is_described(kind: GraphQLNamedType) -> None:
    assert kind.description
    if isinstance(kind, GraphQLObjectType | GraphQLInputObjectType):
        for name, field in kind.fields.items():
            assert field.description, name
            for argument, definition in getattr(field, "args", {}).items():
                assert definition.description, argument
    if isinstance(kind, GraphQLEnumType):
        for name, value in kind.values.items():
            assert value.description, name
