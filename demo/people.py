"""Owns users: customers, staff and admins, with their flags and personal details."""

from datetime import UTC, datetime, time, timedelta
from unicodedata import normalize

from demo.catalogue import FIRST_NAMES, LAST_NAMES
from demo.chance import Chance, Document

_COUNTRIES = ("BR", "BR", "BR", "BR", "BR", "BR", "BR", "AR", "PT", "US")


def ascii_of(text: str) -> str:
    """The text as addresses and slugs spell it: in lower case, without accents."""
    return normalize("NFKD", text).encode("ascii", "ignore").decode().lower()


def identity(chance: Chance) -> Document:
    """Name and address of someone who need not have an account."""
    first, last = chance.choice(FIRST_NAMES), chance.choice(LAST_NAMES)
    email = f"{ascii_of(first)}.{ascii_of(last)}{chance.randrange(10_000)}@example.com"
    return {"email": email, "first_name": first, "last_name": last}


def users(chance: Chance, role: str, count: int, now: datetime) -> list[Document]:
    return [_user(chance, role, number, now) for number in range(count)]


def _user(chance: Chance, role: str, number: int, now: datetime) -> Document:
    office = role != "customer"
    joined = now - timedelta(minutes=chance.randrange(400 * 1440, 1100 * 1440))
    born = now - timedelta(days=chance.randrange(18 * 365, 75 * 365))
    user: Document = {
        "_id": chance.object_id(joined),
        "role": role,
        "is_active": number % 14 != (3 if role == "admin" else 9),
        "email_verified": chance.likely(0.95 if office else 0.84),
        "phone_verified": chance.likely(0.75 if office else 0.35),
        **identity(chance),
        # 5555 is nobody's exchange.
        "phone": f"+55 {chance.randrange(11, 100)} 95555-{chance.randrange(10_000):04}",
        "birth_date": datetime.combine(born, time(), UTC),
        "id_number": f"{chance.randrange(10**11):011}",
        "residence_country": chance.choice(_COUNTRIES),
        "allow_promo_email": chance.likely(0.6),
        "allow_promo_third_party_email": chance.likely(0.2),
        "allow_tracking": chance.likely(0.5),
    }
    if number % 20 == 7:
        # An account from before those were asked for.
        for field in ("phone_verified", "birth_date", "residence_country", "allow_tracking"):
            del user[field]
    return user
