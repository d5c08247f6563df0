"""The enums of the schema."""

from collections.abc import Mapping
from enum import Enum

import strawberry

from auth.viewer import Permission, Role


def described(enum: type[Enum], description: str, values: Mapping[str, str]) -> None:
    """Makes the enum a GraphQL type, with a description for itself and for each value."""
    strawberry.enum(enum, description=description)
    for value in enum.__strawberry_definition__.values:  # type: ignore[attr-defined]
        value.description = values[value.name]


described(
    Role,
    "What a caller is to the platform, as the token says.",
    {
        "ADMIN": "Runs the platform: sees everything.",
        "STAFF": "Works for the platform: sees what the permissions allow.",
        "ORGANIZER": "Holds events: sees their own.",
        "CUSTOMER": "Anybody else with a token.",
    },
)

described(
    Permission,
    "What staff may be allowed to see. An admin holds them all.",
    {
        "VIEW_CUSTOMERS": "The numbers of customers.",
        "MANAGE_INVENTORY": "The numbers of products, stock and its worth.",
    },
)
