"""What can be counted in `users`, and what shown of an account."""

from typing import Final

from cubes.cube import Cube
from cubes.expressions import UNKNOWN, flag, text
from cubes.rows import Table
from documents import User


def _count(path: str) -> dict[str, object]:
    return {"$cond": [flag(path), 1, 0]}


USERS: Final = Cube(
    name="users",
    source=User,
    dimensions={"role": text("$role", UNKNOWN)},
    measures={
        "users": 1,
        "active": _count("$is_active"),
        "email_verified": _count("$email_verified"),
        "phone_verified": _count("$phone_verified"),
    },
)

ACCOUNTS_AS_STORED: Final = Table(
    source=User,
    columns={
        name: f"${name}"
        for name in (
            "email", "first_name", "last_name", "phone", "birth_date", "id_number",
            "residence_country", "allow_promo_email", "allow_promo_third_party_email",
            "allow_tracking",
        )
    },
)  # fmt: skip
