"""The collections that Headcount reads, as Beanie documents. Other services write them."""

from collections.abc import Mapping
from typing import Any, Final

from beanie import Document, init_beanie
from pymongo.asynchronous.database import AsyncDatabase

from documents.analytics_event import AnalyticsEvent
from documents.event import Event
from documents.product import Product
from documents.promo_code import PromoCode
from documents.ticket import Ticket
from documents.ticket_order import TicketOrder
from documents.user import User

DOCUMENTS: Final[Mapping[str, type[Document]]] = {
    "events": Event,
    "tickets": Ticket,
    "ticket_orders": TicketOrder,
    "promo_codes": PromoCode,
    "analytics_events": AnalyticsEvent,
    "users": User,
    "products": Product,
}
"""Default name of a collection → document class."""


async def bind(database: AsyncDatabase[dict[str, Any]], names: Mapping[str, str]) -> None:
    """Binds the documents to a database; `names` maps default to actual names of collections.

    It writes nothing and builds no index, so read-only credentials are enough.
    """
    for name, document in DOCUMENTS.items():
        document.Settings.name = names.get(name, name)
    await init_beanie(database, document_models=[*DOCUMENTS.values()], skip_indexes=True)


__all__ = [
    "DOCUMENTS",
    "AnalyticsEvent",
    "Event",
    "Product",
    "PromoCode",
    "Ticket",
    "TicketOrder",
    "User",
    "bind",
]
