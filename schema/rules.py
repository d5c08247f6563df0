"""Rules: who may read a field. Directives are printed in the SDL because they are enforced."""

from collections.abc import Awaitable, Callable
from typing import Any

import strawberry
from graphql import GraphQLObjectType, GraphQLSchema
from strawberry.extensions import FieldExtension
from strawberry.schema_directive import Location
from strawberry.types.field import StrawberryField

from auth.viewer import Permission, Role, Viewer
from errors import Forbidden
from resolvers.kpi.declarations import EVERY_ROLE, Readers
from schema.context import Info


class NoRule(TypeError):
    """A field that needs a rule and has none."""


class Rule(FieldExtension):
    """A rule of a field, checked before the field's resolver runs, without waiting."""

    def allows(self, viewer: Viewer) -> bool:
        """Whether the viewer may read the field."""
        raise NotImplementedError

    def demand(self) -> str:
        """The readers that the rule demands, as the end of a sentence."""
        raise NotImplementedError

    def readers(self) -> str:
        """The readers that the rule admits, for the docs."""
        raise NotImplementedError

    def apply(self, field: StrawberryField) -> None:
        """Prints the rule as the field's directive."""
        # Strawberry applies a field's extensions again each time that a schema is built.
        if not any(directive is self for directive in field.directives):
            field.directives = [*field.directives, self]

    def resolve(
        self, next_: Callable[..., Any], source: object, info: Info, **kwargs: object
    ) -> object:
        self._check(info)
        return next_(source, info, **kwargs)

    async def resolve_async(
        self, next_: Callable[..., Awaitable[Any]], source: object, info: Info, **kwargs: object
    ) -> object:
        with info.context.trace(f"{info.path.typename}.{info.field_name}"):
            self._check(info)
            answer = await next_(source, info, **kwargs)
        if info.context.turns is not None:
            async with info.context.turns.turn():
                pass
        return answer

    def _check(self, info: Info) -> None:
        if not self.allows(info.context.viewer):
            raise Forbidden(f"'{info.field_name}' can only be read by {self.demand()}.")


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    name="requiresRole",
    description="The caller's role must be one of these.",
)
class RequiresRole(Rule):
    roles: list[Role]

    def allows(self, viewer: Viewer) -> bool:
        return viewer.role in self.roles

    def demand(self) -> str:
        return "the role " + " or ".join(role.name for role in self.roles)

    def readers(self) -> str:
        return ", ".join(role.name for role in self.roles)


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    name="requiresPermission",
    description="The caller must be an admin, or staff holding this permission.",
)
class RequiresPermission(Rule):
    permission: Permission

    def allows(self, viewer: Viewer) -> bool:
        return viewer.may(self.permission)

    def demand(self) -> str:
        return f"an admin, or by staff with the permission {self.permission.name}"

    def readers(self) -> str:
        return f"ADMIN, STAFF with {self.permission.name}"


class _Public(Rule):
    """Every caller with a valid token may read the field. It is not printed."""

    def allows(self, viewer: Viewer) -> bool:
        return True

    def readers(self) -> str:
        return "every caller"

    def apply(self, field: StrawberryField) -> None:
        """Prints nothing."""


PUBLIC: list[FieldExtension] = [_Public()]
"""The field can be read by every caller with a valid token."""


def roles(*allowed: Role) -> list[FieldExtension]:
    """The field can be read by these roles only."""
    return [RequiresRole(roles=list(allowed))]


def permission_of(needed: Permission) -> list[FieldExtension]:
    """The field can be read by admins, and by staff with this permission."""
    return [RequiresPermission(permission=needed)]


def rules(readers: Readers) -> list[FieldExtension]:
    """The rule of a declared field. None: the parent's rule applies."""
    if readers is None:
        return []
    if readers == ():
        raise NoRule("readers=() lets nobody read the field: name a role or a permission.")
    if readers == EVERY_ROLE:
        return PUBLIC
    return permission_of(readers) if isinstance(readers, Permission) else roles(*readers)


def require_rules(schema: GraphQLSchema) -> None:
    """Raises `NoRule` unless every field that needs a rule has one.

    Root fields need one, and all fields of a type in which any field has one. Types below a
    guarded field inherit its rule.
    """
    for type_ in schema.type_map.values():
        if not isinstance(type_, GraphQLObjectType) or type_.name.startswith("__"):
            continue
        guarded = {name: bool(rules_of(field)) for name, field in type_.fields.items()}
        if type_ is not schema.query_type and not any(guarded.values()):
            continue
        if without := [
            f"{type_.name}.{name}" for name, has_rule in guarded.items() if not has_rule
        ]:
            raise NoRule(
                f"{', '.join(without)} must say who may read it: give it roles(…), "
                "readers=… or PUBLIC."
            )


def rules_of(field: Any) -> list[Rule]:
    """The rules of a field of a built schema."""
    definition = field.extensions.get("strawberry-definition")
    return [each for each in getattr(definition, "extensions", ()) if isinstance(each, Rule)]
