"""The cube of `products`, stock and its worth included, and their table."""

from typing import Final

from cubes.cube import Cube
from cubes.expressions import UNKNOWN, Expression, flag, integer, number, one_if, text
from cubes.rows import Table
from documents.product import Product

_STOCKED = {"$eq": [{"$type": "$inventory"}, "object"]}
_PRICED = {"$isNumber": "$pricing.price_cents"}
_STOCK = integer("$inventory.stock_quantity")
_RESERVED = integer("$inventory.reserved_quantity")
_AVAILABLE = {"$subtract": [_STOCK, _RESERVED]}
_THRESHOLD = {
    "$cond": [
        {"$eq": [{"$ifNull": ["$inventory.low_stock_threshold", None]}, None]},
        "$$low_stock_threshold",
        integer("$inventory.low_stock_threshold"),
    ]
}
# A decimal: the product of two 12-digit integers exceeds a long.
_PRICE = {"$toDecimal": number("$pricing.price_cents")}


def _if_stocked(measure: Expression) -> Expression:
    return {"$cond": [_STOCKED, measure, 0]}


def _worth(quantity: Expression) -> Expression:
    worth = {"$multiply": [quantity, _PRICE]}
    return {"$cond": [{"$and": [_STOCKED, _PRICED]}, worth, 0]}


PRODUCT_ROWS: Final = Table(
    source=Product, columns={"slug": text("$slug", ""), "name": text("$name", "")}
)

PRODUCTS: Final = Cube(
    name="products",
    source=Product,
    parameters=frozenset({"low_stock_threshold"}),
    dimensions={"is_active": flag("$is_active"), "currency": text("$pricing.currency", UNKNOWN)},
    measures={
        "products": 1,
        "stocked": one_if(_STOCKED),
        "priced": one_if(_PRICED),
        "stocked_and_priced": one_if({"$and": [_STOCKED, _PRICED]}),
        "stock": _if_stocked(_STOCK),
        "reserved": _if_stocked(_RESERVED),
        "in_stock": one_if({"$and": [_STOCKED, {"$gt": [_AVAILABLE, 0]}]}),
        "low_stock": one_if(
            {
                "$and": [
                    _STOCKED,
                    {"$gt": [_AVAILABLE, 0]},
                    {"$lte": [_AVAILABLE, _THRESHOLD]},
                ]
            }
        ),
        "out_of_stock": one_if({"$and": [_STOCKED, {"$lte": [_AVAILABLE, 0]}]}),
        "stock_cents": _worth(_STOCK),
        "reserved_cents": _worth(_RESERVED),
        "available_cents": _worth(_AVAILABLE),
    },
)
