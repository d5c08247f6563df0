"""The clients of a soak: fair ones, heavy ones, hostile ones, and those that break off."""

import asyncio
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from exports.addresses import EVENTS_DASHBOARD_ROUTE
from tests.conftest import token
from tests.hostile.operations import HOSTILE, another

_CHEAP: Final = "{ viewer { role } orderStats { totalOrders } }"
_DASHBOARD: Final = (
    "{ eventStats(limit: 500) { total events { title ticketsIssued revenue } } "
    "promoCodeStats { byType { codeType total ticketsGenerated } } "
    "orderStats { byGateway { key count totalAmount } } "
    "dashboardStats { totalSales topViewedProducts { slug count } } "
    "metrics { totalCustomers totalProducts } }"
)
_CHUNKED: Final = b"POST /graphql HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
_CONNECTIONS: Final[Sequence[bytes]] = (
    b"",
    b"GET /graphql HT",
    b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n{",
    b"nonsense\r\n\r\n",
    _CHUNKED + b"1\r\n \r\n" * 50_000,
    _CHUNKED + b"0\r\n" + b"a: b\r\n" * 50_000,
    b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 500,
    b"GET /healthz HTTP/1.1\r\n\r\n",
    b"GET /graphql HTTP/1.1\r\nHost: a b\r\n\r\n",
    b"POST /graphql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\nContent-Length: 9\r\n\r\n",
)
"""What hostile connections send, before they say nothing more."""


@dataclass
class Found:
    """What clients got: (client, outcome) → number; milliseconds of those that are measured.

    `wrong` are answers that no fault excuses.
    """

    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    milliseconds: dict[str, list[float]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def p99(self, client: str) -> float:
        """The 99th percentile of a client's milliseconds."""
        return sorted(self.milliseconds[client])[int(0.99 * (len(self.milliseconds[client]) - 1))]


class Clients:
    """Clients of one server. `calm` tells whether no fault disturbs MongoDB now."""

    def __init__(self, url: str, found: Found, chance: Random, calm: Callable[[], bool]) -> None:
        self._url = url
        self._found = found
        self._chance = chance
        self._calm = calm

    def all(self) -> list[Any]:
        """The clients, as coroutines that end when they are cancelled."""
        return [
            self._fair(),
            self._checks(),
            *(self._dashboard(f"dashboard {number}") for number in range(3)),
            *(self._hostile(f"customer {number}") for number in range(3)),
            self._burst(),
            self._impatient(),
            self._downloads(),
            self._bad_tokens(),
            *(self._connections() for _ in range(2)),
        ]

    async def _fair(self) -> None:
        """A caller that asks for something cheap, now and then."""
        async with self._client("admin", "fair") as http:
            while True:
                await self._measured("fair", http, "POST", "/graphql", json={"query": _CHEAP})
                await asyncio.sleep(0.1)

    async def _checks(self) -> None:
        """A load balancer."""
        async with self._client("admin", "checks") as http:
            while True:
                for path in ("/healthz", "/readyz"):
                    await self._measured(path, http, "GET", path)
                    await asyncio.sleep(0.1)

    async def _dashboard(self, caller: str) -> None:
        async with self._client("admin", caller) as http:
            while True:
                await self._asked("dashboard", http, _DASHBOARD)
                await asyncio.sleep(self._chance.uniform(0, 0.5))

    async def _hostile(self, caller: str) -> None:
        async with self._client("customer", caller) as http:
            while True:
                hostile = self._chance.choice([*HOSTILE.values()])
                await self._sent("hostile", http, "POST", "/graphql", json=hostile.body(another()))

    async def _burst(self) -> None:
        """A page that sends thirty requests at once."""
        async with self._client("admin", "burst") as http:
            while True:
                await asyncio.gather(*(self._asked("burst", http, _DASHBOARD) for _ in range(30)))
                await asyncio.sleep(self._chance.uniform(3, 6))

    async def _impatient(self) -> None:
        """A caller that does not wait for the answer."""
        while True:
            async with self._client("admin", "impatient") as http:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._chance.uniform(0, 0.1)):
                        await self._asked("impatient", http, _DASHBOARD)
            await asyncio.sleep(0.1)

    async def _downloads(self) -> None:
        """A caller that downloads files, and often breaks off."""
        while True:
            async with self._client("admin", "downloads") as http:
                format = self._chance.choice(["xlsx", "csv", "json"])
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._chance.choice([0.05, 0.3, 60])):
                        url = f"{EVENTS_DASHBOARD_ROUTE}?format={format}"
                        await self._sent("download", http, "GET", url)
            await asyncio.sleep(self._chance.uniform(0, 1))

    async def _bad_tokens(self) -> None:
        async with self._client("admin", "bad") as http:
            http.headers["authorization"] = "Bearer forged"
            while True:
                await self._sent("bad token", http, "POST", "/graphql", json={"query": _CHEAP})
                await asyncio.sleep(0.05)

    async def _connections(self) -> None:
        """Opens connections, says something, and leaves after a while, or never reads."""
        host, port = urlsplit(self._url).hostname, urlsplit(self._url).port
        loop = asyncio.get_running_loop()
        while True:
            with socket.socket() as connection:
                connection.setblocking(False)
                with suppress(OSError):
                    await loop.sock_connect(connection, (host, port))
                    await loop.sock_sendall(connection, self._chance.choice(_CONNECTIONS))
                    self._found.outcomes["connection", "opened"] += 1
                await asyncio.sleep(self._chance.choice([0, 0.1, 1]))

    @asynccontextmanager
    async def _client(self, role: str, subject: str) -> AsyncIterator[httpx.AsyncClient]:
        headers = {"authorization": f"Bearer {token(role=role, sub=subject)}"}
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(
            base_url=self._url, headers=headers, timeout=60, limits=limits, trust_env=False
        ) as http:
            yield http

    async def _measured(
        self, client: str, http: httpx.AsyncClient, method: str, url: str, **more: Any
    ) -> None:
        calm = self._calm()
        began = time.perf_counter()
        response = await self._sent(client, http, method, url, **more)
        milliseconds = 1000 * (time.perf_counter() - began)
        if calm and self._calm():
            self._found.milliseconds.setdefault(client, []).append(milliseconds)
            body = response.text if response is not None else "no answer"
            if response is None or response.status_code != 200 or '"errors"' in body:
                self._found.wrong.append(f"{client}, while all is calm: {body[:500]}")

    async def _asked(self, client: str, http: httpx.AsyncClient, query: str) -> None:
        await self._sent(client, http, "POST", "/graphql", json={"query": query})

    async def _sent(
        self, client: str, http: httpx.AsyncClient, method: str, url: str, **more: Any
    ) -> httpx.Response | None:
        """Sends a request, and notes the outcome: the status, and the codes of errors."""
        try:
            response = await http.request(method, url, **more)
        except httpx.TransportError as error:
            # A download breaks off when MongoDB does; everything else is answered.
            if client != "download":
                self._found.wrong.append(f"{client}: {error!r}")
            self._found.outcomes[client, type(error).__name__] += 1
            return None
        codes = _codes(response)
        self._found.outcomes[client, " ".join([str(response.status_code), *sorted(codes)])] += 1
        if response.status_code == 500 or "INTERNAL_SERVER_ERROR" in codes:
            self._found.wrong.append(f"{client}: {response.status_code} {response.text[:500]}")
        return response


def _codes(response: httpx.Response) -> set[str]:
    if not response.headers.get("content-type", "").startswith("application/json"):
        return set()
    body = response.json()
    errors = body.get("errors", []) if isinstance(body, dict) else []
    return {error["extensions"]["code"] for error in errors}
