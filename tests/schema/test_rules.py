"""The schema is closed by default: it does not build if a field has no rule."""

from typing import Any

import pytest
import strawberry

from auth.viewer import Permission, Role
from schema.rules import PUBLIC, NoRule, permission_of, require_rules, roles


@strawberry.type
class _Inner:
    number: int = 1


@strawberry.type
class _Mixed:
    open: int = 1
    guarded: int | None = strawberry.field(
        extensions=permission_of(Permission.VIEW_CUSTOMERS), default=1
    )


@strawberry.type
class _Public:
    open: int = strawberry.field(extensions=PUBLIC, default=1)
    guarded: int | None = strawberry.field(extensions=roles(Role.ADMIN), default=1)


def _schema(**fields: Any) -> strawberry.Schema:
    kinds = {"inner": _Inner, "mixed": _Mixed, "both": _Public}
    namespace = {name: strawberry.field(resolver=_resolver(kinds[name]), extensions=given)
                 for name, given in fields.items()}  # fmt: skip
    return strawberry.Schema(strawberry.type(type("Query", (), namespace)))


def _resolver(kind: type) -> Any:
    def resolve() -> object:
        return kind()

    resolve.__annotations__["return"] = kind | None
    return resolve


def test_a_schema_with_a_root_field_without_a_rule_does_not_build() -> None:
    with pytest.raises(NoRule, match=r"Query\.inner must say who may read it"):
        require_rules(_schema(inner=[])._schema)


def test_a_field_beside_a_guarded_one_needs_a_rule() -> None:
    with pytest.raises(NoRule, match=r"Mixed\.open must say who may read it"):
        require_rules(_schema(mixed=PUBLIC)._schema)


def test_types_below_a_guarded_root_field_inherit_its_rule() -> None:
    require_rules(_schema(inner=roles(Role.ADMIN))._schema)


def test_public_is_a_rule_that_is_not_printed() -> None:
    built = _schema(both=PUBLIC)
    require_rules(built._schema)
    assert (
        built.as_str().count("@requires") == 1 + 1
    )  # the guarded field, and the definition of the directive
