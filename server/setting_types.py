"""Types of settings, which say what their values must be."""

import re
from collections import defaultdict
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, SecretStr, ValidationInfo
from pydantic_settings import NoDecode

from documents import DOCUMENTS
from errors import BadUserInput
from resolvers.calendar import time_zone

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


def _collection_names(value: object) -> object:
    if not isinstance(value, dict):
        raise ValueError("must be a JSON object that maps default names to actual names")
    if unknown := sorted({*value} - {*DOCUMENTS}):
        raise ValueError(f"{unknown[0]} must be one of {', '.join(DOCUMENTS)}")
    for name in value.values():
        if not is_collection_name(name):
            raise ValueError(f"{name!r} is not a valid name of a collection")
    roles = defaultdict[str, list[str]](list)
    for default in sorted(DOCUMENTS):
        roles[value.get(default, default)].append(default)
    for name, of_name in roles.items():
        if len(of_name) > 1:
            # Counted twice, and its changes followed twice.
            raise ValueError(f"{' and '.join(of_name)} are one collection, {name!r}: name two")
    return value


def _time_zone(name: str) -> str:
    try:
        time_zone("", name)
    except BadUserInput as error:
        raise ValueError("must be an IANA time zone, as America/Bogota or UTC") from error
    return name


def _database_name(name: str) -> str:
    if not re.fullmatch(r"[^\0/\\. \"$*<>:|?]{1,63}", name):
        raise ValueError(
            'must be the name of a database: 1 to 63 characters, no space and none of /\\."$*<>:|?'
        )
    return name


def _on_or_off(value: object) -> object:
    if isinstance(value, str):
        value = {"on": True, "off": False}.get(value.lower())
    if not isinstance(value, bool):
        raise ValueError("must be on or off")
    return value


CommaSeparated = Annotated[tuple[str, ...], NoDecode, BeforeValidator(comma_separated)]
CollectionNames = Annotated[dict[str, str], BeforeValidator(_collection_names)]
DatabaseName = Annotated[str, AfterValidator(_database_name)]
TimeZone = Annotated[str, AfterValidator(_time_zone)]
OnOrOff = Annotated[bool, BeforeValidator(_on_or_off)]
Secret = Annotated[SecretStr, AfterValidator(_long_enough)]
Secrets = Annotated[
    tuple[SecretStr, ...] | None,
    NoDecode,
    BeforeValidator(comma_separated),
    AfterValidator(_all_long_enough),
]
DenylistSource = Annotated[str, AfterValidator(_denylist_source)]
