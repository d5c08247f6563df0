"""What a demo gives away: a token for each role, and tickets to ask for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from demo.catalogue import MOBILE_APPS, ORGANIZERS
from server.commands.data import Mongo, holds_demo
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
    """A token for each role, good for a day from now."""
    return {
        role: token(settings, {"sub": f"demo {role}", "role": role, **claims}, _TTL)
        for role, claims in _CLAIMS.items()
    }


@dataclass(frozen=True)
class DemoAccess:
    """For whoever opens a demo's pages: its secret stays here, and guards nothing but demo data."""

    settings: Settings
    event_ids: Sequence[str]

    def given(self) -> dict[str, Any]:
        """What the pages get."""
        report = {"eventIds": self.event_ids, "mobileAppId": _APP}
        return {"tokens": demo_tokens(self.settings), "ticketReport": report}


def demo_access(database: Mongo, settings: Settings) -> DemoAccess | None:
    """What is given away where the data are demo data; nothing elsewhere."""
    if not holds_demo(database, settings):
        return None
    events = database[settings.collection("events")]
    # One event of the organizer's, and one of another's.
    found = [
        events.find_one({"mobile_app_ids": _APP, "organizer_id": organizer}, {"_id": 1})
        for organizer in (_ORGANIZER, {"$ne": _ORGANIZER})
    ]
    return DemoAccess(settings, [str(event["_id"]) for event in found if event])
