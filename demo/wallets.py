"""Demo wallets of tickets: holder, status, transfers and seat."""

from datetime import datetime, timedelta

from demo.chance import Chance, Document
from demo.people import identity

_OPEN = ("INJECTED", "ASSIGNED", "ACTIVATED")
# Status → the dates that such a wallet has, in chronological order.
_PASSED = {
    "INJECTED": ("delivered_at",),
    "ASSIGNED": ("delivered_at", "assigned_at"),
    "ACTIVATED": ("delivered_at", "assigned_at", "kept_by_owner_at", "activated_at"),
    "CONTROLLED": ("delivered_at", "assigned_at", "kept_by_owner_at", "activated_at"),
    "DELETED": ("delivered_at", "assigned_at"),
}  # fmt: skip
_REASONS = ("refunded", "chargeback", "duplicate", "organizer_request")
_BLOCKS = ("Plateia A", "Plateia B", "Mezanino", "Balcão")
_AREAS = ("Pista", "Pista Premium", "Camarote")


def wallet(
    chance: Chance,
    ticket: Document,
    *,
    holder: Document,
    price_cents: int | None,
    seated: bool,
    until: datetime,
    deleted: bool,
) -> Document:
    """The wallet of a ticket of `holder`. Its dates are at most `until`."""
    if deleted:
        status = "DELETED"
    elif ticket["status"] == "consumed":
        status = "CONTROLLED"
    else:
        status = chance.choice(_OPEN)
    number = chance.randrange(10**8)
    made: Document = {
        "status": status,
        "ticket_number": f"T{number:08}",
        "barcode": f"789{chance.randrange(10**10):010}",
        "organizer_ticket_id": f"org-{number:08}",
        "seating": _seating(chance, seated),
        "metadata": {"channel": "app", "batch": number % 7},
        "rules": {
            "activation": "act-24h", "usage": "use-once", "design": f"design-{number % 3 + 1}",
            "data_collection": "data-min", "email": "mail-pt",
        },
        "already_downloaded": status in ("ACTIVATED", "CONTROLLED"),
        "transfer_forward_count": 0,
        "transfer_backward_count": 0,
    }  # fmt: skip
    at = ticket["created_at"]
    for step in _PASSED[status]:
        at = min(at + timedelta(minutes=chance.randrange(1, 1200)), until)
        made[step] = at
    if price_cents is not None:
        made["purchase"] = _purchase(number, ticket["created_at"], price_cents)
    made |= _ownership(chance, status, holder)
    if status == "CONTROLLED":
        made["checked_at"] = made["controlled_at"] = ticket["consumed_at"]
    if "activated_at" in made:
        device = {"platform": chance.choice(("android", "ios")), "since": made["activated_at"]}
        made["devices"] = {chance.hex(12): device}
        made["activation_details"] = [{"at": made["activated_at"], "method": "bluetooth"}]
    if deleted:
        made["deleted_at"] = min(at + timedelta(hours=5), until)
        made["deletion_reason"] = chance.choice(_REASONS)
    return made


def _ownership(chance: Chance, status: str, holder: Document) -> Document:
    """The current and first owners. Half of the injected tickets have no owner with an account."""
    if status == "INJECTED" and chance.likely(0.5):
        return {"initial_owner": {"id": chance.hex(24), **identity(chance)}}
    name = {field: holder[field] for field in ("first_name", "last_name")}
    found: Document = {
        "owner_id": holder["_id"],
        "initial_owner": {"id": str(holder["_id"]), "email": holder["email"], **name},
        "ticket_holder": {**name, "document": holder["id_number"]},
    }
    if status != "INJECTED" and chance.likely(0.15):
        giver = {"id": chance.hex(24), **identity(chance)}
        back = int(chance.likely(0.2))
        found |= {"initial_owner": giver, "previous_owner_id": giver["id"]}
        found |= {"transfer_forward_count": 1 + back, "transfer_backward_count": back}
    return found


def _purchase(number: int, at: datetime, price_cents: int) -> Document:
    return {
        "file": f"PF-{number // 3:08}",
        "date": at,
        "price_cents": price_cents,
        "currency": "BRL",
        "contingent_id": f"cont-{number % 4 + 1}",
        "seat_category_id": f"cat-{number % 3 + 1}",
        "tariff_id": f"tarifa-{number % 2 + 1}",
    }


def _seating(chance: Chance, seated: bool) -> Document:
    place: Document = {"area": chance.choice(_AREAS)}
    if seated:
        place = {
            "area": "Plateia", "level": str(chance.randrange(3)), "block": chance.choice(_BLOCKS),
            "row": chr(65 + chance.randrange(20)), "seat": str(chance.randrange(1, 40)),
        }  # fmt: skip
    return {
        "seated": seated,
        "numbered": seated,
        "external_entrance": chance.choice(("Norte", "Sul")),
        "gate": f"Portão {chance.randrange(1, 9)}",
        **place,
    }
