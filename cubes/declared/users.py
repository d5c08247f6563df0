"""The cube of `users`, and the table of accounts."""

from typing import Final

from cubes.cube import Cube
from cubes.expressions import UNKNOWN, flag, one_if, text
from cubes.rows import Table
from documents.user import User

USERS: Final = Cube(
    name="users",
    source=User,
    dimensions={"role": text("$role", UNKNOWN)},
    measures={
        "users": 1,
        "active": one_if(flag("$is_active")),
        "email_verified": one_if(flag("$email_verified")),
        "phone_verified": one_if(flag("$phone_verified")),
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
