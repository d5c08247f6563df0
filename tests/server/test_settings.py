"""The settings: defaults, and errors of invalid values."""

from pathlib import Path

import pytest

from errors import StartupError
from server.settings import load_settings

SECRET = "0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Runs each test in an empty folder without a `.env`, and without a configured MongoDB."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HEADCOUNT_MONGODB_URI", raising=False)


def test_the_defaults() -> None:
    settings = load_settings()
    assert settings.mongodb_uri is None
    assert (settings.database, settings.collections) == ("headcount", {})
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert (settings.jwt_secret, settings.jwt_jwks) == (None, None)
    assert settings.introspection is True
    assert settings.low_stock_threshold == 5
    assert settings.request_timeout == 30
    limits = settings.limits
    assert (limits.depth, limits.aliases, limits.tokens, limits.cost) == (8, 30, 2000, 5000)
    assert settings.cors_origins == ()
    assert (settings.public_url, settings.allowed_hosts) == (None, ())
    assert settings.forwarded_allow_ips == ("127.0.0.1",)
    assert settings.drain_seconds == 5


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("PORT", "eighty", ["integer, at least 0 and at most 65535", "'eighty'"]),
        ("PORT", "70000", ["65535", "'70000'"]),
        ("JWT_SECRET", "short", ["32 bytes"]),
        ("JWT_SECRETS", f"{SECRET},tooshort", ["secret 2", "32 bytes"]),
        ("JWT_SECRETS", ",", ["separated by commas"]),
        ("JWT_MAX_AGE", "0", ["at least 1", "'0'"]),
        ("JWT_MAX_AGE", "1h", ["integer", "'1h'"]),
        ("JWT_DENYLIST", "collection:", ["collection:NAME", "file"]),
        ("JWT_DENYLIST", "collection:system.users", ["collection:NAME", "file"]),
        ("INTROSPECTION", "perhaps", ["on", "off"]),
        ("COLLECTIONS", "{", ["JSON"]),
        ("COLLECTIONS", "[]", ["JSON object"]),
        ("COLLECTIONS", '{"concerts": "x"}', ["concerts", "events", "tickets"]),
        ("COLLECTIONS", '{"tickets": ""}', ["''", "collection"]),
        ("COLLECTIONS", '{"tickets": "a$b"}', ["a$b", "collection"]),
        ("COLLECTIONS", '{"tickets": "system.users"}', ["system.users", "collection"]),
        ("COLLECTIONS", '{"tickets": 7}', ["7", "collection"]),
        (
            "COLLECTIONS",
            '{"tickets": "t", "ticket_orders": "t"}',
            ["ticket_orders", "tickets", "'t'"],
        ),
        ("COLLECTIONS", '{"tickets": "users"}', ["tickets and users", "'users'"]),
        (
            "COLLECTIONS",
            '{"tickets": "users", "users": "events"}',
            ["events and users", "'events'"],
        ),
        ("DATABASE", "a b", ["database", "63", "no space"]),
        ("DATABASE", "x" * 64, ["database", "63"]),
        ("LOW_STOCK_THRESHOLD", "few", ["integer"]),
        ("LOW_STOCK_THRESHOLD", "99999999999999999999", ["2147483648"]),
        ("REQUEST_TIMEOUT", "inf", ["3600"]),
        ("REQUEST_TIMEOUT", "nan", ["3600"]),
        ("REQUEST_TIMEOUT", "0", ["greater than 0"]),
        ("MAX_DEPTH", "0", ["at least 1", "'0'"]),
        ("PUBLIC_URL", "kpis.example.com", ["https://kpis.example.com"]),
        ("PUBLIC_URL", "ftp://kpis.example.com", ["https://kpis.example.com"]),
        ("PUBLIC_URL", "https://me:pw@kpis.example.com", ["https://kpis.example.com"]),
        ("PUBLIC_URL", "https://kpis.example.com/?a=b", ["without a query"]),
        ("ALLOWED_HOSTS", "kpis.example.com,https://x", ["'https://x'", "kpis.example.com"]),
        ("ALLOWED_HOSTS", "*.example.com", ["'*.example.com'", "kpis.example.com"]),
        ("FORWARDED_ALLOW_IPS", "10.0.0.1,proxy", ["'proxy'", "10.0.0.0/8"]),
        ("FORWARDED_ALLOW_IPS", "10.0.0.1/8", ["'10.0.0.1/8'", "network itself, 10.0.0.0/8"]),
        ("CORS_ORIGINS", "https://a.example,example.com", ["'example.com'", "https://example.com"]),
        ("CORS_ORIGINS", "https://example.com/", ["'https://example.com/'", "without a path"]),
        ("CORS_ORIGINS", "https://Example.com", ["lower case"]),
        ("CORS_HEADERS", "x-tenant-id,x tenant", ["'x tenant'", "x-tenant-id"]),
        ("CORS_HEADERS", "*", ["'*'", "the name of a header"]),
        ("CORS_HEADERS", "x-tenant:", ["'x-tenant:'"]),
        ("MAX_CONCURRENCY", "0", ["must be an integer, at least 1 and at most 10000", "'0'"]),
        ("MAX_CONNECTIONS", "many", ["must be an integer, at least 1", "'many'"]),
        ("DRAIN_SECONDS", "-1", ["at least 0", "3600", "'-1'"]),
        ("LOG_FORMAT", "xml", ["console", "json", "'xml'"]),
    ],
)
def test_an_invalid_value_is_reported_with_valid_ones(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, words: list[str]
) -> None:
    monkeypatch.setenv(f"HEADCOUNT_{variable}", value)
    with pytest.raises(StartupError) as raised:
        load_settings()
    assert str(raised.value).startswith(f"HEADCOUNT_{variable}: ")
    assert "\n" not in str(raised.value)
    for word in words:
        assert word in str(raised.value)


def test_origins_are_those_that_browsers_send(monkeypatch: pytest.MonkeyPatch) -> None:
    for origins in ("https://example.com,http://localhost:3000", "http://[::1]:8000", "*"):
        monkeypatch.setenv("HEADCOUNT_CORS_ORIGINS", origins)
        assert ",".join(load_settings().cors_origins) == origins


def test_collections_can_swap_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADCOUNT_COLLECTIONS", '{"tickets": "users", "users": "tickets"}')
    assert load_settings().collection("tickets") == "users"


def test_a_secret_is_never_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADCOUNT_JWT_SECRET", SECRET)
    monkeypatch.setenv("HEADCOUNT_MONGODB_URI", "mongodb://user:password@nowhere")
    assert SECRET not in repr(load_settings())
    assert "password" not in repr(load_settings())
    monkeypatch.setenv("HEADCOUNT_JWT_SECRET", "tooshort")
    with pytest.raises(StartupError) as raised:
        load_settings()
    assert "tooshort" not in str(raised.value)


def test_one_secret_and_several_must_not_both_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADCOUNT_JWT_SECRET", SECRET)
    monkeypatch.setenv("HEADCOUNT_JWT_SECRETS", f"{SECRET}, {SECRET[::-1]}")
    with pytest.raises(StartupError) as raised:
        load_settings()
    assert str(raised.value).startswith("HEADCOUNT_JWT_SECRETS: ")
    assert "HEADCOUNT_JWT_SECRET:" in str(raised.value)
    assert SECRET not in str(raised.value)


def test_the_first_of_several_secrets_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADCOUNT_JWT_SECRETS", f"{SECRET}, {SECRET[::-1]}")
    settings = load_settings()
    assert settings.secret() == SECRET
    assert settings.secrets == (SECRET, SECRET[::-1])
    assert SECRET not in repr(settings)


def test_the_environment_takes_precedence_over_the_env_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text(
        f"HEADCOUNT_PORT=9000\nHEADCOUNT_JWT_SECRET={SECRET}\nHEADCOUNT_DATABASE=shop\n"
        "HEADCOUNT_INTROSPECTION=off\nSOMETHING_ELSE=1\n"
        "HEADCOUNT_CORS_ORIGINS=https://a.example, https://b.example\n"
    )
    monkeypatch.setenv("HEADCOUNT_DATABASE", "shop2")
    settings = load_settings()
    assert (settings.port, settings.database, settings.introspection) == (9000, "shop2", False)
    assert settings.secret() == SECRET
    assert settings.cors_origins == ("https://a.example", "https://b.example")


def test_an_env_file_that_is_not_utf_8_is_an_error(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"HEADCOUNT_PORT=\xff")
    with pytest.raises(StartupError, match="UTF-8"):
        load_settings()


def test_an_empty_value_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADCOUNT_MONGODB_URI", "")
    monkeypatch.setenv("HEADCOUNT_PORT", "")
    assert load_settings().mongodb_uri is None
    assert load_settings().port == 8000


def test_a_verifier_requires_a_secret_or_a_key_set() -> None:
    with pytest.raises(StartupError, match=r"HEADCOUNT_JWT_SECRET.*HEADCOUNT_JWT_JWKS"):
        load_settings().verifier()


@pytest.mark.parametrize("content", [None, "{", "[]", '{"keys": []}', '{"keys": [{"kty": "x"}]}'])
def test_an_invalid_key_set_is_an_error_at_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str | None
) -> None:
    file = tmp_path / "keys.json"
    if content is not None:
        file.write_text(content)
    monkeypatch.setenv("HEADCOUNT_JWT_JWKS", str(file))
    with pytest.raises(StartupError, match="HEADCOUNT_JWT_JWKS"):
        load_settings().verifier()
