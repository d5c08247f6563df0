"""Ten thousand tickets in one answer do not hold the event loop."""

from collections.abc import Callable
from math import inf
from typing import Any

import httpx
from bson import ObjectId

from tests.conftest import Dataset, token
from tests.hostile.event_loop import STRETCH_SECONDS, occupied
from tests.strategies import NOW

_MANY = 10_000


async def test_a_large_report_does_not_hold_the_event_loop(
    http: httpx.AsyncClient, fill: Callable[[Dataset], None]
) -> None:
    event = ObjectId()
    ticket: dict[str, Any] = {
        "event_id": event,
        "status": "available",
        "created_at": NOW,
        "updated_at": NOW,
        "ticket_number": "1" * 12,
        "wallet": {"status": "ACTIVATED", "activated_at": NOW},
        "purchase": {"file": "F" * 20, "price_cents": 10_000, "currency": "BRL"},
        "ticket_metadata": {"notes": "x" * 200, "tags": ["a", "b", "c"]},
    }
    fill(
        {
            "events": [{"_id": event, "title": "Large", "mobile_app_ids": ["app"]}],
            "tickets": [{"_id": ObjectId(), **ticket} for _ in range(_MANY)],
        }
    )
    path = f"/organizer/report/events/{event}/tickets?mobileAppId=app&limit={_MANY}&offset=0"
    headers = {"authorization": f"Bearer {token(role='admin')}", "accept-encoding": "gzip"}
    longest = inf
    # Other processes can slow a processor down, but none makes it faster.
    for _ in range(3):
        request = http.build_request("GET", path, headers=headers)
        async with occupied() as found:
            response = await http.send(request, stream=True)
        longest = min(longest, found.longest)
        await response.aread()
        assert len(response.json()["result"]) == _MANY
    assert longest < STRETCH_SECONDS
