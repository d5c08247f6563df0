"""Demo promo codes, and ids of deleted ones that tickets refer to."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate

from bson import ObjectId

from demo.catalogue import CODE_TITLES
from demo.chance import Chance, Document

_LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"


@dataclass(frozen=True)
class Promotions:
    """Promo codes. `used` ids have `cumulative` weights; `discounts` apply to tickets of orders."""

    documents: list[Document]
    used: list[ObjectId]
    cumulative: list[float]
    discounts: list[ObjectId]
    deleted: list[ObjectId]


def promotions(chance: Chance, count: int, now: datetime) -> Promotions:
    """`count` promo codes. The last quarter is new and unused; the others predate all tickets."""
    unused = count // 4
    documents = [_code(chance, number, number >= count - unused, now) for number in range(count)]
    used = [code["_id"] for code in documents[: count - unused]]
    weights = accumulate(1 / (rank + 1) for rank in range(len(used)))
    discounts = [
        code["_id"] for code in documents[: count - unused] if code["code_type"] == "promo"
    ]
    deleted = [chance.object_id(now - timedelta(days=500)) for _ in range(3)]
    return Promotions(documents, used, list(weights), discounts, deleted)


def _code(chance: Chance, number: int, new: bool, now: datetime) -> Document:
    days = (1, 20) if new else (330, 480)
    created = now - timedelta(minutes=chance.randrange(days[0] * 1440, days[1] * 1440))
    return {
        "_id": chance.object_id(created),
        "code": "".join(chance.choices(_LETTERS, k=6)),
        "code_type": "promo" if number % 5 == 2 else "ticket",
        "title": CODE_TITLES[number % len(CODE_TITLES)],
        "is_active": number % 4 != 3,
        "created_at": created,
    }
