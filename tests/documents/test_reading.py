"""Documents with missing and invalid values are read."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import Decimal128, Int64, MinKey, ObjectId, Regex
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.database import Database

from documents import DOCUMENTS
from documents.product import Product
from documents.ticket import Ticket
from tests.conftest import Dataset
from tests.strategies import nasty

BAD: list[Any] = [
    None, "", 7, -1.5, float("nan"), float("inf"), 10**13, True, [], {}, [1], {"a": 1}, "x",
    Decimal128("NaN"), Decimal128("1.5"), Int64(3), ObjectId(), Regex("x"), MinKey(), b"x",
    datetime(2026, 1, 1, tzinfo=UTC), [{"status": "DELETED"}],
]  # fmt: skip


@pytest.mark.parametrize("name", DOCUMENTS)
async def test_a_document_without_fields_is_read(
    name: str, fill: Callable[[Dataset], None], database: AsyncDatabase[dict[str, Any]]
) -> None:
    fill({name: [{"_id": ObjectId()}]})
    (document,) = await DOCUMENTS[name].find_all().to_list()
    assert document.id is not None


@pytest.mark.parametrize("name", DOCUMENTS)
async def test_a_document_of_wrong_types_is_read(
    name: str, fill: Callable[[Dataset], None], database: AsyncDatabase[dict[str, Any]]
) -> None:
    fields = [field for field in DOCUMENTS[name].model_fields if field not in ("id", "revision_id")]
    fill({name: [{"_id": ObjectId()} | dict.fromkeys(fields, value) for value in BAD]})
    assert len(await DOCUMENTS[name].find_all().to_list()) == len(BAD)


async def test_hand_written_invalid_documents_are_read(
    fill: Callable[[Dataset], None], database: AsyncDatabase[dict[str, Any]]
) -> None:
    data = nasty()
    fill(data)
    for name, document in DOCUMENTS.items():
        assert len(await document.find_all().to_list()) == len(data.get(name, ()))


async def test_valid_values_are_read_unchanged(
    fill: Callable[[Dataset], None], database: AsyncDatabase[dict[str, Any]]
) -> None:
    created_at = datetime(2026, 4, 15, 19, tzinfo=UTC)
    owner = ObjectId()
    fill(
        {
            "tickets": [
                {
                    "_id": ObjectId(),
                    "status": "consumed",
                    "created_at": created_at,
                    "wallet": {
                        "status": "ASSIGNED",
                        "owner_id": owner,
                        "seating": {"seated": True, "row": "A"},
                        "purchase": {"price_cents": 1050},
                        "transfer_forward_count": 2.0,
                    },
                }
            ],
            "products": [
                {"_id": ObjectId(), "inventory": {"stock_quantity": 3}, "pricing": "none"}
            ],
        }
    )
    (ticket,) = await Ticket.find_all().to_list()
    assert ticket.status == "consumed"
    assert ticket.created_at == created_at
    assert ticket.wallet is not None
    assert ticket.wallet.owner_id == owner
    assert ticket.wallet.seating is not None
    assert ticket.wallet.seating.row == "A"
    assert ticket.wallet.transfer_forward_count == 2
    (product,) = await Product.find_all().to_list()
    assert product.inventory is not None
    assert product.inventory.stock_quantity == 3
    assert product.inventory.low_stock_threshold is None
    assert product.pricing is None


async def test_a_date_beyond_datetime_is_read_as_none(
    mongo: Database[dict[str, Any]],
    fill: Callable[[Dataset], None],
    database: AsyncDatabase[dict[str, Any]],
) -> None:
    from bson.datetime_ms import DatetimeMS

    fill({"events": [{"_id": ObjectId(), "event_date": DatetimeMS(2**52), "title": "ok"}]})
    (event,) = await DOCUMENTS["events"].find_all().to_list()
    assert event.event_date is None
