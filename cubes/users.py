"""What can be counted in `users`."""

from typing import Final

from cubes.cube import Cube
from cubes.reading import UNKNOWN, flag, text
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
