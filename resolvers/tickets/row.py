"""The ticket report's row: its fields, where each is stored, and how it is read."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from typing import Any, Final

from resolvers import stored_values as stored
from resolvers.rounding import count
from resolvers.stored_values import flag, listed, mapped, moment, text

Stored = Mapping[str, Any]
"""A ticket as it is stored, with its event under `event` and its owner's account under `owner`."""


def _at(path: str, read: Callable[[Any], Any]) -> Any:
    """A field that is read from a path; what is not selected is as if it were not stored."""
    source = {"path": tuple(path.split(".")), "read": read}
    return field(default=read(None), metadata=source)


def _id(value: object) -> str:
    return "" if value is None else stored.key(value)


def _count(value: object) -> int:
    return count(stored.whole(value))


def _status(ticket: Stored) -> str:
    return text(_dug(ticket, ("wallet", "status"))) or (text(ticket.get("status")) or "").upper()


def _dug(found: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        if type(found) is not dict and (found := stored.document(found)) is None:
            return None
        found = found.get(name)
    return found


@dataclass(frozen=True, slots=True)
class TicketReportRow:
    """A ticket, its event, its owner and what its wallet knows (organizer-ticket-report)."""

    ticket_id: str = _at("_id", _id)
    event_id: str = _at("event_id", _id)
    organizer_id: str | None = _at("event.organizer_id", text)
    event_name: str | None = _at("event.title", text)
    event_code: str | None = _at("event.event_code", text)
    event_start_date: datetime | None = _at("event.event_date", moment)
    owner_email: str | None = _at("owner.email", text)
    owner_first_name: str | None = _at("owner.first_name", text)
    owner_last_name: str | None = _at("owner.last_name", text)
    owner_phone: str | None = _at("owner.phone", text)
    owner_birth_date: date | None = _at("owner.birth_date", stored.day)
    owner_id_number: str | None = _at("owner.id_number", text)
    owner_residence_country: str | None = _at("owner.residence_country", text)
    owner_allow_promo_email: bool | None = _at("owner.allow_promo_email", flag)
    owner_allow_promo_third_party_email: bool | None = _at(
        "owner.allow_promo_third_party_email", flag
    )
    owner_allow_tracking: bool | None = _at("owner.allow_tracking", flag)
    ticket_number: str | None = _at("wallet.ticket_number", text)
    ticket_barcode: str | None = _at("wallet.barcode", text)
    organizer_ticket_id: str | None = _at("wallet.organizer_ticket_id", text)
    ticket_holder: dict[str, Any] | None = _at("wallet.ticket_holder", mapped)
    previous_owner_id: str | None = _at("wallet.previous_owner_id", text)
    initial_owner_id: str | None = _at("wallet.initial_owner.id", text)
    status: str = field(default="", metadata={"path": (), "read": _status})
    activated_date: datetime | None = _at("wallet.activated_at", moment)
    checked_date: datetime | None = _at("wallet.checked_at", moment)
    assigned_date: datetime | None = _at("wallet.assigned_at", moment)
    controlled_date: datetime | None = _at("wallet.controlled_at", moment)
    kept_by_owner_date: datetime | None = _at("wallet.kept_by_owner_at", moment)
    delivery_date: datetime | None = _at("wallet.delivered_at", moment)
    purchase_file: str | None = _at("wallet.purchase.file", text)
    purchase_date: datetime | None = _at("wallet.purchase.date", moment)
    purchase_price: str | None = _at("wallet.purchase.price_cents", stored.price)
    purchase_currency: str | None = _at("wallet.purchase.currency", text)
    purchase_contingent_id: str | None = _at("wallet.purchase.contingent_id", text)
    purchase_seat_category_id: str | None = _at("wallet.purchase.seat_category_id", text)
    purchase_tariff_id: str | None = _at("wallet.purchase.tariff_id", text)
    seating_seated: bool | None = _at("wallet.seating.seated", flag)
    seating_numbered: bool | None = _at("wallet.seating.numbered", flag)
    seating_external_entrance: str | None = _at("wallet.seating.external_entrance", text)
    seating_gate: str | None = _at("wallet.seating.gate", text)
    seating_area: str | None = _at("wallet.seating.area", text)
    seating_level: str | None = _at("wallet.seating.level", text)
    seating_block: str | None = _at("wallet.seating.block", text)
    seating_row: str | None = _at("wallet.seating.row", text)
    seating_seat: str | None = _at("wallet.seating.seat", text)
    ticket_metadata: dict[str, Any] | None = _at("wallet.metadata", mapped)
    activation_rule_id: str | None = _at("wallet.rules.activation", text)
    usage_rule_id: str | None = _at("wallet.rules.usage", text)
    design_rule_id: str | None = _at("wallet.rules.design", text)
    data_collection_rule_id: str | None = _at("wallet.rules.data_collection", text)
    email_rule_id: str | None = _at("wallet.rules.email", text)
    devices_map: dict[str, Any] | None = _at("wallet.devices", mapped)
    activation_details: list[Any] | None = _at("wallet.activation_details", listed)
    deletion_date: datetime | None = _at("wallet.deleted_at", moment)
    deletion_reason: str | None = _at("wallet.deletion_reason", text)
    transfer_forward_count: int = _at("wallet.transfer_forward_count", _count)
    transfer_backward_count: int = _at("wallet.transfer_backward_count", _count)
    already_downloaded: bool = _at("wallet.already_downloaded", stored.yes)


_FIELDS: Final = {each.name: each.metadata for each in fields(TicketReportRow)}
ALL: Final = frozenset(_FIELDS)
"""The names of all fields."""
OWNERS: Final = frozenset(name for name, each in _FIELDS.items() if each["path"][:1] == ("owner",))
"""Those that are read from the owner's account."""


def reader(selected: Collection[str]) -> Callable[[Stored], TicketReportRow]:
    """Makes rows of the selected fields."""
    read = [
        (name, each["path"], each["read"]) for name, each in _FIELDS.items() if name in selected
    ]

    def row(ticket: Stored) -> TicketReportRow:
        return TicketReportRow(**{name: shown(_dug(ticket, path)) for name, path, shown in read})

    return row


def initial_owner(ticket: Stored) -> Mapping[str, Any]:
    """What stands for the account of an owner who has none, as far as the ticket knows them."""
    if _status(ticket) != "INJECTED":
        return {}
    names = ("email", "first_name", "last_name")
    return {name: _dug(ticket, ("wallet", "initial_owner", name)) for name in names}


def owner_id(ticket: Stored) -> Any:
    """The id of the owner's account, of whatever type; None where there is none."""
    return _dug(ticket, ("wallet", "owner_id"))
