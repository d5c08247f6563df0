"""Demo users: customers, staff and admins."""

from datetime import UTC, datetime, time, timedelta
from unicodedata import normalize

from demo.catalogue import FIRST_NAMES, LAST_NAMES
from demo.chance import Chance, Document

_COUNTRIES = ("BR", "BR", "BR", "BR", "BR", "BR", "BR", "AR", "PT", "US")


def ascii_of(text: str) -> str:
    """The text in lower case without accents, for e-mail addresses and slugs."""
    return normalize("NFKD", text).encode("ascii", "ignore").decode().lower()


def identity(chance: Chance) -> Document:
    """The name and e-mail address of a person, with or without an account."""
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
        "is_active": number % 14 != (1 if role == "admin" else 9),
        "email_verified": chance.likely(0.95 if office else 0.84),
        "phone_verified": chance.likely(0.75 if office else 0.35),
        **identity(chance),
        # No exchange has numbers that start with 5555.
        "phone": f"+55 {chance.randrange(11, 100)} 95555-{chance.randrange(10_000):04}",
        "birth_date": datetime.combine(born, time(), UTC),
        "id_number": f"{chance.randrange(10**11):011}",
        "residence_country": chance.choice(_COUNTRIES),
        "allow_promo_email": chance.likely(0.6),
        "allow_promo_third_party_email": chance.likely(0.2),
        "allow_tracking": chance.likely(0.5),
    }
    if number % 20 == 7:
        # An old account, from before these fields existed.
        for field in ("phone_verified", "birth_date", "residence_country", "allow_tracking"):
            del user[field]
    return user
