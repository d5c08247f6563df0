"""The oracle of `ticketReport`: computes its answer from documents, by brute force.

It is written from the contract alone, never from the server, like `tests.oracle`. If the contract
allows several readings, a comment names the chosen one. A caller is given as the claims of a
token. An expected error is raised as `Refused`.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from unittest.mock import ANY

from bson.code import Code
from bson.datetime_ms import DatetimeMS
from bson.dbref import DBRef
from bson.decimal128 import Decimal128
from bson.objectid import ObjectId

from tests.oracle import (
    NO_IDS,
    TOO_BIG,
    Data,
    Document,
    bson_key,
    clamped,
    decimal_of,
    fields_of,
    is_number,
    iso_of,
    milliseconds_of,
    text_of,
)

LIMIT_MAX = 1000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_MICROSECOND = timedelta(microseconds=1)
_OBJECT_ID = re.compile(r"[0-9a-fA-F]{24}")


class Refused(Exception):
    """The API answers null and an error; the argument is its code."""


# ---------------------------------------------------------------- the report


def ticket_report(
    data: Data,
    *,
    claims: Mapping[str, Any],
    event_ids: Sequence[str],
    mobile_app_id: str,
    limit: int,
    offset: int = 0,
    exclude_deleted: bool = False,
    last_updated_since: datetime | None = None,
    last_updated_before: datetime | None = None,
) -> dict[str, Any]:
    """The answer of `ticketReport` as JSON; raises `Refused` if the API answers an error."""
    role = _role(claims)
    if role not in {"admin", "organizer"}:
        raise Refused("FORBIDDEN")
    if not (1 <= limit <= LIMIT_MAX and offset >= 0):
        raise Refused("BAD_USER_INPUT")
    if not all(_OBJECT_ID.fullmatch(id) for id in event_ids):
        raise Refused("BAD_USER_INPUT")
    requested = {id.lower() for id in event_ids}
    events = {
        event["_id"]: event
        for event in data.get("events", ())
        if isinstance(event["_id"], ObjectId) and str(event["_id"]) in requested
        if _belongs(event, mobile_app_id)
        if role == "admin" or _holds(claims.get("organizer_id"), event)
    }
    tickets = [
        ticket
        for ticket in sorted(data.get("tickets", ()), key=lambda ticket: ticket["_id"])
        if isinstance(ticket.get("event_id"), ObjectId) and ticket["event_id"] in events
        if not (exclude_deleted and _is_deleted(ticket))
        if _is_updated(ticket, last_updated_since, last_updated_before)
    ]
    accounts = {bson_key(user["_id"]): user for user in data.get("users", ())}
    return {
        "total": clamped(len(tickets)),
        "result": [
            _row(ticket, events[ticket["event_id"]], _account(ticket, accounts))
            for ticket in tickets[offset : offset + limit]
        ],
    }


def _role(claims: Mapping[str, Any]) -> str:
    for claim in ("role", "user_type"):
        if claim in claims:
            return str(claims[claim]).lower()
    return "admin" if claims.get("is_admin") is True else "customer"


def _belongs(event: Document, mobile_app_id: str) -> bool:
    # A text is not a list that contains it, and a number does not equal its text.
    apps = event.get("mobile_app_ids")
    return isinstance(apps, list) and mobile_app_id in [text_of(app) for app in apps]


def _holds(organizer_id: object, event: Document) -> bool:
    # Only a text is an organizer id, even if another value is shown as a text.
    claimed = text_of(organizer_id)
    return claimed is not None and claimed == text_of(event.get("organizer_id"))


def _is_deleted(ticket: Document) -> bool:
    wallet = fields_of(ticket.get("wallet"))
    return text_of(wallet.get("status")) == "DELETED" or (
        milliseconds_of(wallet.get("deleted_at")) is not None
    )


def _is_updated(ticket: Document, since: datetime | None, before: datetime | None) -> bool:
    if since is None and before is None:
        return True
    updated = milliseconds_of(ticket.get("updated_at"))
    if updated is None:
        updated = milliseconds_of(ticket.get("created_at"))
    if updated is None:  # without a time, neither filter matches
        return False
    microseconds = updated * 1000
    return (since is None or _microseconds(since) <= microseconds) and (
        before is None or microseconds < _microseconds(before)
    )


def _microseconds(time: datetime) -> int:
    return (time - _EPOCH) // _MICROSECOND


def _account(ticket: Document, accounts: Mapping[Any, Document]) -> Document | None:
    owner = fields_of(ticket.get("wallet")).get("owner_id")
    if owner is None or isinstance(owner, NO_IDS):
        return None
    return accounts.get(bson_key(owner))


# ---------------------------------------------------------------- reading single values


def shown(value: object) -> str | None:
    """A text, or the text of a number or an ObjectId; None for any other value."""
    if isinstance(value, ObjectId):
        return str(value)
    if not is_number(value):
        return text_of(value)
    if isinstance(value, float):
        # A whole double without ".0": JSON, MongoDB and spreadsheets show it so.
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else _finite(value)
    if isinstance(value, Decimal128):
        return _finite(value.to_decimal())
    return str(value)


def _finite(value: float | Decimal) -> str | None:
    # NaN and infinities have no text.
    return str(value) if Decimal(value).is_finite() else None


def _day(value: object) -> str | None:
    text = iso_of(value)
    return None if text is None else text[: len("2026-05-04")]


def _yes_or_no(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _flag(value: object) -> bool:
    return value is True


def _count(value: object) -> int:
    number = _number(value)
    return 0 if number is None else clamped(math.trunc(number))


def _price(value: object) -> str | None:
    """The price in major units; None if the cents are not a number, or missing."""
    if _number(value) is None:
        return None
    cents = round(decimal_of(value))  # exact: half to even
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02}"


def _number(value: Any) -> Decimal | None:
    """The exact stored number; None if rule 6 does not count the value as a number."""
    if not is_number(value):
        return None
    number = value.to_decimal() if isinstance(value, Decimal128) else Decimal(value)
    return number if number.is_finite() and abs(number) < TOO_BIG else None


def _documents(value: object) -> Any:
    return as_json(value) if isinstance(value, Mapping | DBRef) else None


def _list(value: object) -> Any:
    return as_json(value) if isinstance(value, list) else None


def as_json(value: object) -> Any:
    """A value in a JSON field; `ANY` for a type that the contract does not specify."""
    match value:
        case Code():
            return ANY
        case None | bool() | str():
            return value
        case int():
            return int(value)
        case float():
            return (
                value if Decimal(value).is_finite() else None
            )  # JSON has no NaN and no infinities
        case ObjectId():
            return str(value)
        case datetime() | DatetimeMS():
            return iso_of(value)
        case Mapping() | DBRef():
            return {name: as_json(item) for name, item in fields_of(value).items()}
        case list():
            return [as_json(item) for item in value]
    return ANY


# ---------------------------------------------------------------- one ticket

Reader = Callable[[object], Any]
Fields = Mapping[str, tuple[str, Reader]]

EVENT: Fields = {
    "organizerId": ("organizer_id", shown),
    "eventName": ("title", shown),
    "eventCode": ("event_code", shown),
    "eventStartDate": ("event_date", iso_of),
}
# Read from the account, or without one from the initial owner of an injected ticket.
NAMES: Fields = {
    "ownerEmail": ("email", shown),
    "ownerFirstName": ("first_name", shown),
    "ownerLastName": ("last_name", shown),
}
ACCOUNT: Fields = {
    "ownerPhone": ("phone", shown),
    "ownerBirthDate": ("birth_date", _day),
    "ownerIdNumber": ("id_number", shown),
    "ownerResidenceCountry": ("residence_country", shown),
    "ownerAllowPromoEmail": ("allow_promo_email", _yes_or_no),
    "ownerAllowPromoThirdPartyEmail": ("allow_promo_third_party_email", _yes_or_no),
    "ownerAllowTracking": ("allow_tracking", _yes_or_no),
}
WALLET: Fields = {
    "ticketNumber": ("ticket_number", shown),
    "ticketBarcode": ("barcode", shown),
    "organizerTicketId": ("organizer_ticket_id", shown),
    "ticketHolder": ("ticket_holder", _documents),
    "previousOwnerId": ("previous_owner_id", shown),
    "activatedDate": ("activated_at", iso_of),
    "checkedDate": ("checked_at", iso_of),
    "assignedDate": ("assigned_at", iso_of),
    "controlledDate": ("controlled_at", iso_of),
    "keptByOwnerDate": ("kept_by_owner_at", iso_of),
    "deliveryDate": ("delivered_at", iso_of),
    "ticketMetadata": ("metadata", _documents),
    "devicesMap": ("devices", _documents),
    "activationDetails": ("activation_details", _list),
    "deletionDate": ("deleted_at", iso_of),
    "deletionReason": ("deletion_reason", shown),
    "transferForwardCount": ("transfer_forward_count", _count),
    "transferBackwardCount": ("transfer_backward_count", _count),
    "alreadyDownloaded": ("already_downloaded", _flag),
}
INITIAL_OWNER: Fields = {"initialOwnerId": ("id", shown)}
PURCHASE: Fields = {
    "purchaseFile": ("file", shown),
    "purchaseDate": ("date", iso_of),
    "purchasePrice": ("price_cents", _price),
    "purchaseCurrency": ("currency", shown),
    "purchaseContingentId": ("contingent_id", shown),
    "purchaseSeatCategoryId": ("seat_category_id", shown),
    "purchaseTariffId": ("tariff_id", shown),
}
SEATING: Fields = {
    "seatingSeated": ("seated", _yes_or_no),
    "seatingNumbered": ("numbered", _yes_or_no),
    "seatingExternalEntrance": ("external_entrance", shown),
    "seatingGate": ("gate", shown),
    "seatingArea": ("area", shown),
    "seatingLevel": ("level", shown),
    "seatingBlock": ("block", shown),
    "seatingRow": ("row", shown),
    "seatingSeat": ("seat", shown),
}
RULES: Fields = {
    "activationRuleId": ("activation", shown),
    "usageRuleId": ("usage", shown),
    "designRuleId": ("design", shown),
    "dataCollectionRuleId": ("data_collection", shown),
    "emailRuleId": ("email", shown),
}


def _row(ticket: Document, event: Document, account: Document | None) -> dict[str, Any]:
    wallet = fields_of(ticket.get("wallet"))
    initial = fields_of(wallet.get("initial_owner"))
    status = _status(ticket, wallet)
    names = account
    if (
        account is None and status == "INJECTED"
    ):  # the shown status, that of the wallet or of the ticket
        names = initial
    return {
        "id": str(ticket["_id"]),
        "ticketId": str(ticket["_id"]),
        "eventId": str(event["_id"]),
        "status": status,
        **_read(EVENT, event),
        **_read(NAMES, names or {}),
        **_read(ACCOUNT, account or {}),
        **_read(WALLET, wallet),
        **_read(INITIAL_OWNER, initial),
        **_read(PURCHASE, fields_of(wallet.get("purchase"))),
        **_read(SEATING, fields_of(wallet.get("seating"))),
        **_read(RULES, fields_of(wallet.get("rules"))),
    }


def _status(ticket: Document, wallet: Document) -> str:
    status = shown(wallet.get("status"))
    return status if status is not None else (shown(ticket.get("status")) or "").upper()


def _read(fields: Fields, document: Document) -> dict[str, Any]:
    return {name: read(document.get(key)) for name, (key, read) in fields.items()}
