"""Addresses in settings: the public URL, origins, request headers, host names, proxies."""

import re
from ipaddress import ip_network
from typing import Final
from urllib.parse import urlsplit

# The authority of RFC 3986 without user information: a name or an address, and a port.
_HOST: Final = re.compile(
    r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~%!$&'()*+,;=-]+)(?::(?P<port>[0-9]*))?"
)


# A token of RFC 9110, which a field name is.
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


def host_name(host: str) -> str | None:
    """The name in `name` or `name:port`, in lower case; None if `host` is neither."""
    match = _HOST.fullmatch(host)
    return match["name"].lower().rstrip(".") if match else None


def valid_url(value: str) -> str:
    """The URL without a slash at its end; raises `ValueError` if links can't be made of it."""
    url = urlsplit(value)
    if url.scheme not in ("http", "https") or host_name(url.netloc) is None or set(value) & {*"?#"}:
        raise ValueError("must be a URL without a query, as https://kpis.example.com/headcount")
    return value.rstrip("/")


def valid_host_names(values: tuple[str, ...]) -> tuple[str, ...]:
    """The names, without ports; raises `ValueError` for a value that is no name."""
    names = []
    for value in values:
        name = host_name(value)
        if name is None or "*" in name:
            raise ValueError(f"{value!r} must be a host name, as kpis.example.com, or an address")
        names.append(name)
    return tuple(names)


def valid_origins(values: tuple[str, ...]) -> tuple[str, ...]:
    """The origins, or `*`; raises `ValueError` for a value that no browser sends as `Origin`."""
    for value in values:
        scheme, separator, host = value.partition("://")
        is_origin = scheme and separator and host_name(host) is not None and value == value.lower()
        if not is_origin and value != "*":
            raise ValueError(
                f"{value!r} must be an origin in lower case without a path, as https://example.com"
            )
    return values


def valid_headers(values: tuple[str, ...]) -> tuple[str, ...]:
    """The names of headers in lower case; raises `ValueError` for a value that is no name."""
    for value in values:
        # Starlette would allow every header.
        if not _HEADER.fullmatch(value) or value == "*":
            raise ValueError(f"{value!r} must be the name of a header, as x-tenant-id")
    return tuple(value.lower() for value in values)


def valid_proxies(values: tuple[str, ...]) -> tuple[str, ...]:
    """The addresses and networks, or `*`; raises `ValueError` for any other value."""
    for value in values:
        if value != "*" and not _is_network(value, strict=True):
            expected = "an IP address, a network as 10.0.0.0/8, or * for all"
            if _is_network(value, strict=False):
                expected = f"the network itself, {ip_network(value, strict=False)}"
            raise ValueError(f"{value!r} must be {expected}")
    return values


def _is_network(value: str, *, strict: bool) -> bool:
    try:
        ip_network(value, strict=strict)
    except ValueError:
        return False
    return True
