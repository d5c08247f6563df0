"""The viewer: the caller's role and permissions, read from the claims of a token."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from hashlib import sha256
from typing import Any, Final

from auth.revocation import TokenIdentity


class Role(Enum):
    """The role of a caller on the platform."""

    ADMIN = "admin"
    STAFF = "staff"
    ORGANIZER = "organizer"
    CUSTOMER = "customer"


class Permission(Enum):
    """A permission that a member of staff may hold. Admins hold all."""

    VIEW_CUSTOMERS = "view_customers"
    MANAGE_INVENTORY = "manage_inventory"


_ROLES: Final = {role.value: role for role in Role}


@dataclass(frozen=True)
class Viewer:
    """The bearer of a verified token."""

    role: Role
    permissions: tuple[Permission, ...] = ()
    subject: str | None = None
    organizer_id: str | None = None
    expires_at: datetime | None = None
    token: TokenIdentity = field(default_factory=TokenIdentity)

    @classmethod
    def of(cls, claims: Mapping[str, Any]) -> "Viewer":
        """The viewer that the claims of a verified token describe.

        A missing or unknown role is read as `CUSTOMER`, and an integer `sub` as text.
        """
        role, token = _role(claims), TokenIdentity.of(claims)
        return cls(
            role=role,
            permissions=_permissions(role, claims.get("permissions")),
            subject=token.subject,
            organizer_id=_text(claims.get("organizer_id")),
            expires_at=_time(claims.get("exp")),
            token=token,
        )

    def caller(self, address: str) -> str:
        """What limits count by: the token's subject, or else the client's address."""
        return f"subject {self.subject}" if self.subject else f"address {address}"

    def may(self, permission: Permission) -> bool:
        """Whether the viewer holds a permission."""
        return permission in self.permissions


def for_log(caller: str) -> str:
    """The name of a caller for the log; its SHA-256 if it may be an e-mail address."""
    if "@" not in caller:
        return caller
    # JSON may have half of a surrogate pair, which UTF-8 can't encode.
    return f"sha256:{sha256(caller.encode(errors='backslashreplace')).hexdigest()[:16]}"


def _role(claims: Mapping[str, Any]) -> Role:
    for claim in ("role", "user_type"):
        if claim in claims:
            return _ROLES.get(str(claims[claim]).lower(), Role.CUSTOMER)
    return Role.ADMIN if claims.get("is_admin") is True else Role.CUSTOMER


def _permissions(role: Role, claim: object) -> tuple[Permission, ...]:
    if role is Role.ADMIN:
        return tuple(Permission)
    if role is not Role.STAFF or not isinstance(claim, list):
        return ()
    return tuple(permission for permission in Permission if permission.value in claim)


def _text(claim: object) -> str | None:
    return claim if isinstance(claim, str) and claim else None


def _time(claim: object) -> datetime | None:
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=float(str(claim)))
    except (ValueError, OverflowError):
        return None
