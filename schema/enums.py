"""The enums of the schema."""

from collections.abc import Mapping
from enum import Enum

import strawberry

from auth.viewer import Permission, Role
from resolvers.dashboard.values import CountMode


def described(enum: type[Enum], description: str, values: Mapping[str, str]) -> None:
    """Makes the enum a GraphQL type, with a description for itself and for each value."""
    strawberry.enum(enum, description=description)
    for value in enum.__strawberry_definition__.values:  # type: ignore[attr-defined]
        value.description = values[value.name]


described(
    Role,
    "The role of a caller, as the token says.",
    {
        "ADMIN": "Runs the platform and reads everything.",
        "STAFF": "Works for the platform and reads what the permissions allow.",
        "ORGANIZER": "Holds events and reads their own.",
        "CUSTOMER": "Any other caller with a token.",
    },
)

described(
    Permission,
    "A permission of staff. An admin holds all permissions.",
    {
        "VIEW_CUSTOMERS": "The numbers of customers.",
        "MANAGE_INVENTORY": "The numbers of products, stock and its worth.",
    },
)

described(
    CountMode,
    "What the funnel and the products are counts of.",
    {
        "TOTAL": "Every occurrence of an event; of purchases of a product, the units.",
        "UNIQUE": "The sessions that have such an event, each once.",
    },
)
