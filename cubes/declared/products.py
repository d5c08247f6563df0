"""What can be counted in `products`, stock and what it is worth, and what shown of each."""

from typing import Final

from cubes.cube import Cube
from cubes.expressions import UNKNOWN, Expression, flag, number, text, whole
from cubes.rows import Table
from documents import Product

_STOCKED = {"$eq": [{"$type": "$inventory"}, "object"]}
_PRICED = {"$isNumber": "$pricing.price_cents"}
_STOCK = whole("$inventory.stock_quantity")
_RESERVED = whole("$inventory.reserved_quantity")
_AVAILABLE = {"$subtract": [_STOCK, _RESERVED]}
_THRESHOLD = {
    "$cond": [
        {"$eq": [{"$ifNull": ["$inventory.low_stock_threshold", None]}, None]},
        "$$low_stock_threshold",
        whole("$inventory.low_stock_threshold"),
    ]
}
# As decimals: the product of two 12-digit integers is no longer a long.
_PRICE = {"$toDecimal": number("$pricing.price_cents")}


def _if(condition: Expression, measure: Expression = 1) -> Expression:
    return {"$cond": [condition, measure, 0]}


def _worth(quantity: Expression) -> Expression:
    return _if({"$and": [_STOCKED, _PRICED]}, {"$multiply": [quantity, _PRICE]})


PRODUCT_ROWS: Final = Table(
    source=Product, columns={"slug": text("$slug", ""), "name": text("$name", "")}
)

PRODUCTS: Final = Cube(
    name="products",
    source=Product,
    dimensions={"is_active": flag("$is_active"), "currency": text("$pricing.currency", UNKNOWN)},
    measures={
        "products": 1,
        "stocked": _if(_STOCKED),
        "priced": _if(_PRICED),
        "stocked_and_priced": _if({"$and": [_STOCKED, _PRICED]}),
        "stock": _if(_STOCKED, _STOCK),
        "reserved": _if(_STOCKED, _RESERVED),
        "in_stock": _if({"$and": [_STOCKED, {"$gt": [_AVAILABLE, 0]}]}),
        "low_stock": _if(
            {
                "$and": [
                    _STOCKED,
                    {"$gt": [_AVAILABLE, 0]},
                    {"$lte": [_AVAILABLE, _THRESHOLD]},
                ]
            }
        ),
        "out_of_stock": _if({"$and": [_STOCKED, {"$lte": [_AVAILABLE, 0]}]}),
        "stock_cents": _worth(_STOCK),
        "reserved_cents": _worth(_RESERVED),
        "available_cents": _worth(_AVAILABLE),
    },
)
