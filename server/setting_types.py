"""Types of settings: secrets, lists separated by commas, the denylist's source."""

import re
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, SecretStr, ValidationInfo
from pydantic_settings import NoDecode

SECRET_BYTES: Final = 32
"""The length of the shortest secret."""
COLLECTION_SOURCE: Final = "collection:"
"""The prefix of a denylist that is a collection of the database."""


def comma_separated(value: object) -> object:
    """The parts of a text, without blanks around them; empty parts are left out."""
    if not isinstance(value, str):
        return value
    return [part.strip() for part in value.split(",") if part.strip()]


def _long_enough(secret: SecretStr) -> SecretStr:
    if len(secret.get_secret_value().encode()) < SECRET_BYTES:
        raise ValueError(f"must be at least {SECRET_BYTES} bytes long")
    return secret


def _all_long_enough(
    secrets: tuple[SecretStr, ...] | None, info: ValidationInfo
) -> tuple[SecretStr, ...] | None:
    if secrets is None:
        return None
    if info.data.get("jwt_secret") is not None:
        raise ValueError("must not be set together with HEADCOUNT_JWT_SECRET: set one of the two")
    if not secrets:
        raise ValueError("must be secrets, separated by commas")
    for number, secret in enumerate(secrets, 1):
        if len(secret.get_secret_value().encode()) < SECRET_BYTES:
            raise ValueError(f"secret {number} must be at least {SECRET_BYTES} bytes long")
    return secrets


def _denylist_source(value: str) -> str:
    name = value.removeprefix(COLLECTION_SOURCE)
    if name != value and not is_collection_name(name):
        raise ValueError(f"must be a file, or {COLLECTION_SOURCE}NAME with a collection's name")
    return value


def is_collection_name(name: object) -> bool:
    """Whether MongoDB accepts the name for a collection of users."""
    return isinstance(name, str) and bool(re.fullmatch(r"(?!system\.)[^$\0]{1,120}", name))


Secret = Annotated[SecretStr, AfterValidator(_long_enough)]
Secrets = Annotated[
    tuple[SecretStr, ...] | None,
    NoDecode,
    BeforeValidator(comma_separated),
    AfterValidator(_all_long_enough),
]
DenylistSource = Annotated[str, AfterValidator(_denylist_source)]
