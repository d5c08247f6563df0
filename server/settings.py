"""The settings, read once at startup from the environment and a `.env` file."""

import os
from collections.abc import Callable
from datetime import UTC, tzinfo
from functools import cached_property
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    Field,
    SecretStr,
    ValidationError,
)
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from auth.key_sets import READ_SECONDS
from auth.links import LinkSigner
from auth.revocation import Denylist
from auth.tokens import LEEWAY, Verifier
from auth.verified_tokens import VerifiedTokens
from cubes.registry import Catalog
from errors import StartupError
from resolvers.calendar import time_zone
from schema.limits import DEFAULTS, Limits
from server.addresses import (
    valid_headers,
    valid_host_names,
    valid_origins,
    valid_proxies,
    valid_url,
)
from server.clock import now
from server.key_source import key_set
from server.persisted_documents import PersistedDocuments, read_documents
from server.setting_types import (
    SECRET_BYTES,
    CollectionNames,
    CommaSeparated,
    DatabaseName,
    DenylistSource,
    OnOrOff,
    Secret,
    Secrets,
    TimeZone,
)

PREFIX = "HEADCOUNT_"

_NUMBERS: Final[dict[Any, str]] = {
    int: "an integer",
    int | None: "an integer",
    float: "a number",
}
_BOUNDS: Final = {"ge": "at least", "gt": "greater than", "le": "at most", "lt": "less than"}


class Settings(BaseSettings):
    """All settings; docs/operations.md explains each."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    mongodb_uri: SecretStr | None = None
    database: DatabaseName = "headcount"
    collections: CollectionNames = {}
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    # None: `/metrics` is on the same port as everything else.
    metrics_port: Annotated[int | None, Field(ge=1, le=65535)] = None
    workers: Annotated[int, Field(ge=1, le=256)] = 1
    jwt_secret: Secret | None = None
    jwt_secrets: Secrets = None
    jwt_jwks: str | None = None
    jwt_audience: str | None = None
    jwt_issuer: str | None = None
    jwt_max_age: Annotated[int | None, Field(ge=1)] = None
    jwt_denylist: DenylistSource | None = None
    introspection: OnOrOff = True
    # The file of a JSON object: id → text.
    documents: str | None = None
    trusted_documents: Literal["off", "only"] = "off"
    # None: on in the demo, else off.
    dashboard: OnOrOff | None = None
    compiled: OnOrOff = True
    low_stock_threshold: Annotated[int, Field(ge=-(2**31), lt=2**31)] = 5
    rollups: Literal["auto", "on", "off"] = "auto"
    rollups_database: DatabaseName | None = None
    rollups_build_share: Annotated[float, Field(ge=0.01, le=1)] = 1
    shared_read_ms: Annotated[float, Field(ge=0, le=60_000)] = 250
    request_timeout: Annotated[float, Field(gt=0, le=3600)] = 30
    max_depth: Annotated[int, Field(ge=1)] = DEFAULTS.depth
    max_aliases: Annotated[int, Field(ge=0)] = DEFAULTS.aliases
    max_tokens: Annotated[int, Field(ge=1)] = DEFAULTS.tokens
    max_cost: Annotated[int, Field(ge=1)] = DEFAULTS.cost
    # None: 24 for each processor that a worker has, but at least 24.
    max_concurrency: Annotated[int | None, Field(ge=1, le=10_000)] = None
    # None: 80 % of the descriptors that a process may have.
    max_connections: Annotated[int | None, Field(ge=1)] = None
    max_exports: Annotated[int, Field(ge=1, le=1000)] = 4
    export_timezone: TimeZone = "UTC"
    export_query_token: Literal["any", "signed"] = "any"  # noqa: S105
    public_url: Annotated[str, AfterValidator(valid_url)] | None = None
    allowed_hosts: Annotated[CommaSeparated, AfterValidator(valid_host_names)] = ()
    forwarded_allow_ips: Annotated[CommaSeparated, AfterValidator(valid_proxies)] = ("127.0.0.1",)
    drain_seconds: Annotated[float, Field(ge=0, le=3600)] = 5
    cors_origins: Annotated[CommaSeparated, AfterValidator(valid_origins)] = ()
    # Beside those that `server.http.cross_origin` allows.
    cors_headers: Annotated[CommaSeparated, AfterValidator(valid_headers)] = ()
    tracing: OnOrOff = False
    log_format: Literal["console", "json"] | None = None

    @cached_property
    def catalog(self) -> Catalog:
        """The cubes, bound to the settings that their expressions mention; none does yet."""
        return Catalog({})

    @property
    def own_metrics_port(self) -> int | None:
        """The port of `/metrics`; None if it is that of everything else."""
        return None if self.metrics_port == self.port else self.metrics_port

    @property
    def limits(self) -> Limits:
        """The limits of one operation."""
        return Limits(self.max_depth, self.max_aliases, self.max_tokens, self.max_cost)

    @property
    def slots(self) -> int:
        """How many operations a process runs at once: `Admission`."""
        processors = (os.cpu_count() or 1) / self.workers
        return self.max_concurrency or max(24, round(24 * processors))

    @property
    def zone(self) -> tzinfo:
        """The time zone of exports."""
        return UTC if self.export_timezone == "UTC" else time_zone("", self.export_timezone)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The secrets that verify tokens; the first one signs."""
        given = (self.jwt_secrets or ()) if self.jwt_secret is None else (self.jwt_secret,)
        return tuple(secret.get_secret_value() for secret in given)

    def link_signer(self, denylist: Denylist | None = None) -> LinkSigner | None:
        """The signer of link tokens; None without a secret."""
        return LinkSigner(*self.secrets, denylist=denylist) if self.secrets else None

    def collection(self, name: str) -> str:
        """The actual name of a collection, by its default name."""
        return self.collections.get(name, name)

    def secret(self) -> str:
        """The secret that signs tokens; raises `StartupError` if it is not set."""
        if not self.secrets:
            raise StartupError(
                f"{PREFIX}JWT_SECRET is not set: set it to at least {SECRET_BYTES} bytes."
            )
        return self.secrets[0]

    def persisted_documents(self) -> PersistedDocuments:
        """The documents of the manifest; raises `StartupError` if it can't be read."""
        return read_documents(self.documents, only=self.trusted_documents == "only")

    def verifier(self, on_key_set_read: Callable[[bool], None] = lambda _: None) -> Verifier:
        """The verifier of tokens; raises `StartupError` without a secret and a key set.

        `on_key_set_read` is called after each read of the key set, with whether it succeeded.
        """
        if not self.secrets and self.jwt_jwks is None:
            raise StartupError(
                f"Tokens can't be verified: set {PREFIX}JWT_SECRET (at least {SECRET_BYTES} bytes) "
                f"or {PREFIX}JWT_JWKS (the URL or file of a key set)."
            )
        return Verifier(
            secrets=self.secrets,
            key_set=key_set(
                self.jwt_jwks,
                seconds=min(READ_SECONDS, self.request_timeout),
                on_read=on_key_set_read,
            )
            if self.jwt_jwks
            else None,
            audience=self.jwt_audience,
            issuer=self.jwt_issuer,
            max_age=self.jwt_max_age,
            verified=VerifiedTokens(now, LEEWAY),
        )


def load_settings() -> Settings:
    """The settings; raises `StartupError` that names each invalid variable and valid values."""
    try:
        return Settings()
    except ValidationError as error:
        raise StartupError("; ".join(_message(dict(e)) for e in error.errors())) from None
    except SettingsError:
        # pydantic-settings parses this setting, the only one that is JSON.
        raise StartupError(
            f'{PREFIX}COLLECTIONS: must be a JSON object, as {{"tickets": "my_tickets"}}'
        ) from None
    except UnicodeDecodeError:
        raise StartupError("The file .env must be encoded in UTF-8.") from None


def unknown_settings() -> list[str]:
    """The variables of the environment and of `.env` that have the prefix, but are no settings."""
    settings = {PREFIX + name.upper() for name in Settings.model_fields}
    in_file = {name.upper() for name in DotEnvSettingsSource(Settings).env_vars}
    names = {*os.environ} | in_file
    return sorted(name for name in names if name.startswith(PREFIX) and name not in settings)


def _message(error: dict[str, Any]) -> str:
    """The variable, what its value must be, and the value unless the setting is a secret."""
    name = str(error["loc"][0])
    setting = Settings.model_fields[name]
    expected = error["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    if setting.annotation in _NUMBERS:
        bounds = [
            f"{words} {getattr(constraint, bound)}"
            for constraint in setting.metadata
            for bound, words in _BOUNDS.items()
            if hasattr(constraint, bound)
        ]
        expected = f"must be {_NUMBERS[setting.annotation]}, {' and '.join(bounds)}"
    is_secret = SecretStr.__name__ in str(setting.annotation)
    given = "" if is_secret else f" (value: {repr(error['input'])[:100]})"
    return f"{PREFIX}{name.upper()}: {expected}{given}"
