"""The demo's public access: a token for each role, and arguments of the ticket report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from demo.catalogue import MOBILE_APPS, ORGANIZERS
from server.commands.seeding import holds_demo
from server.database import SyncDatabase
from server.settings import Settings
from server.tokens import token

_TTL: Final = timedelta(days=1)
_ORGANIZER, _APP = ORGANIZERS[0], MOBILE_APPS[0]
_CLAIMS: Final[Mapping[str, Mapping[str, Any]]] = {
    "admin": {},
    "staff": {"permissions": ["view_customers"]},
    "organizer": {"organizer_id": _ORGANIZER},
    "customer": {},
}


def demo_tokens(settings: Settings) -> dict[str, str]:
    """Role → token, valid for a day, or as long as tokens may be valid."""
    ttl = min(_TTL, timedelta(seconds=settings.jwt_max_age or _TTL.total_seconds()))
    return {
        role: token(settings, {"sub": f"demo {role}", "role": role, **claims}, ttl)
        for role, claims in _CLAIMS.items()
    }


@dataclass(frozen=True)
class DemoAccess:
    """The access that the demo's pages give to everyone. It covers demo data only."""

    settings: Settings
    event_ids: Sequence[str]

    def page_settings(self) -> dict[str, Any]:
        """The settings that the pages get: tokens, and arguments of the ticket report."""
        report = {"eventIds": self.event_ids, "mobileAppId": _APP}
        return {"tokens": demo_tokens(self.settings), "ticketReport": report}


def demo_access(database: SyncDatabase, settings: Settings) -> DemoAccess | None:
    """The access to demo data; None if the database holds other data."""
    if not holds_demo(database, settings):
        return None
    events = database[settings.collection("events")]
    # One event of the demo's organizer, and one of another.
    found = [
        events.find_one({"mobile_app_ids": _APP, "organizer_id": organizer}, {"_id": 1})
        for organizer in (_ORGANIZER, {"$ne": _ORGANIZER})
    ]
    return DemoAccess(settings, [str(event["_id"]) for event in found if event])
