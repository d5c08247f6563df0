"""Who may read a field: directives that are printed in the SDL because they are enforced."""

from collections.abc import Awaitable, Callable
from typing import Any

import strawberry
from strawberry.extensions import FieldExtension
from strawberry.schema_directive import Location
from strawberry.types.field import StrawberryField

from auth.viewer import Permission, Role, Viewer
from errors import Forbidden
from schema.context import Info


class Rule(FieldExtension):
    """A rule of a field. It is checked before the field's resolver runs, and without waiting."""

    def allows(self, viewer: Viewer) -> bool:
        """Whether the viewer may read the field."""
        raise NotImplementedError

    def demand(self) -> str:
        """What the rule asks of the caller, as the end of a sentence."""
        raise NotImplementedError

    def apply(self, field: StrawberryField) -> None:
        # A field meets its extensions again each time that a schema is built.
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
        self._check(info)
        return await next_(source, info, **kwargs)

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


def roles(*allowed: Role) -> list[FieldExtension]:
    """The field can be read by these roles only."""
    return [RequiresRole(roles=list(allowed))]


def permission(needed: Permission) -> list[FieldExtension]:
    """The field can be read by admins, and by staff with this permission."""
    return [RequiresPermission(permission=needed)]
