"""`metrics`: users by role, products, stock and its worth."""

from collections.abc import Collection
from typing import Final, cast

from auth.viewer import Permission, Role
from cubes.cells import Cells
from cubes.declared.products import PRODUCTS
from cubes.declared.users import USERS
from loaders.loader import Loader
from resolvers.kpi.declarations import EVERY_ROLE, Kpi, Readers, fold, kpi
from resolvers.kpi.identity import identity
from resolvers.kpi.rounding import money
from resolvers.kpi.stats import Stats
from resolvers.kpi.terms import Sum, total
from resolvers.kpi.units import COUNT, MONEY, TEXT
from resolvers.kpi.values import described, value

_VIEW_CUSTOMERS: Final = Permission.VIEW_CUSTOMERS
_ADMINS: Final = (Role.ADMIN,)
_INVENTORY: Final = Permission.MANAGE_INVENTORY


@value
class CurrencyInventoryRevenue:
    """The worth of the products of one currency, in major units."""

    currency: str = described("The currency's code; `unknown` for prices without one.", TEXT)
    total: float = described("The worth of all units in stock.", MONEY)
    reserved: float = described("The worth of the reserved units.", MONEY)
    available: float = described("The worth of the units that are not reserved.", MONEY)


def _users(role: str, measure: str) -> Sum:
    return total(USERS, measure, role=role)


def _count(description: str, term: Sum, readers: Readers) -> Kpi[int]:
    return kpi(COUNT, description, term, readers=readers)


def _inactive(role: str) -> Sum:
    return _users(role, "users") - _users(role, "active")


def _products(description: str, measure: str) -> Kpi[int]:
    return kpi(COUNT, description, total(PRODUCTS, measure), readers=_INVENTORY)


def _worth(description: str, measure: str) -> Kpi[float]:
    text = f"{description}; amounts of all currencies are added as they are."
    return kpi(MONEY, text, total(PRODUCTS, measure), readers=_INVENTORY)


class Metrics(Stats):
    """Counts of users and products.

    A field that the caller may not read is null, with a FORBIDDEN error at its path; the fields
    beside it still answer. Money is in major units.
    """

    id = identity(readers=EVERY_ROLE)

    total_customers = _count("All customers.", _users("customer", "users"), _VIEW_CUSTOMERS)
    active_customers = _count(
        "Customers that are marked active.", _users("customer", "active"), _VIEW_CUSTOMERS
    )
    inactive_customers = _count("All other customers.", _inactive("customer"), _VIEW_CUSTOMERS)
    customers_email_verified = _count(
        "Customers whose e-mail address is verified.",
        _users("customer", "email_verified"),
        _VIEW_CUSTOMERS,
    )
    customers_phone_verified = _count(
        "Customers whose phone number is verified.",
        _users("customer", "phone_verified"),
        _VIEW_CUSTOMERS,
    )

    total_staff = _count("All staff.", _users("staff", "users"), _ADMINS)
    total_admins = _count("All admins.", _users("admin", "users"), _ADMINS)
    active_staff = _count("Staff that are marked active.", _users("staff", "active"), _ADMINS)
    active_admins = _count("Admins that are marked active.", _users("admin", "active"), _ADMINS)
    inactive_staff = _count("All other staff.", _inactive("staff"), _ADMINS)
    inactive_admins = _count("All other admins.", _inactive("admin"), _ADMINS)
    staff_email_verified = _count(
        "Staff whose e-mail address is verified.", _users("staff", "email_verified"), _ADMINS
    )
    admins_email_verified = _count(
        "Admins whose e-mail address is verified.", _users("admin", "email_verified"), _ADMINS
    )
    staff_phone_verified = _count(
        "Staff whose phone number is verified.", _users("staff", "phone_verified"), _ADMINS
    )
    admins_phone_verified = _count(
        "Admins whose phone number is verified.", _users("admin", "phone_verified"), _ADMINS
    )

    total_products = _products("All products, or all active ones.", "products")
    total_products_with_inventory = _products("Products with a stock record.", "stocked")
    total_products_with_pricing = _products("Products that have a price.", "priced")
    total_stock_quantity = _products("Units in stock.", "stock")
    total_reserved_quantity = _products("Units in stock that are reserved.", "reserved")
    total_available_quantity = kpi(
        COUNT,
        "totalStockQuantity − totalReservedQuantity.",
        total(PRODUCTS, "stock") - total(PRODUCTS, "reserved"),
        readers=_INVENTORY,
    )
    products_in_stock = _products(
        "Products with units available; products low on stock are part of them.", "in_stock"
    )
    products_low_stock = _products(
        "Products with units available, at most as many as their threshold.", "low_stock"
    )
    products_out_of_stock = _products(
        "Products with a stock record and no unit available.", "out_of_stock"
    )
    total_inventory_revenue = _worth("The worth of the stock", "stock_cents")
    reserved_inventory_revenue = _worth("The worth of the reserved stock", "reserved_cents")
    available_inventory_revenue = _worth("The worth of the available stock", "available_cents")

    @fold(
        PRODUCTS.slice(
            "currency",
            measures=["stocked_and_priced", "stock_cents", "reserved_cents", "available_cents"],
        ),
        readers=_INVENTORY,
    )
    def inventory_revenue_by_currency(self, products: Cells) -> list[CurrencyInventoryRevenue]:
        """The worth of the stock by currency, of products with both stock and price."""
        return sorted(
            (
                CurrencyInventoryRevenue(
                    currency=cast("str", currency),
                    total=money(cells.sum("stock_cents")),
                    reserved=money(cells.sum("reserved_cents")),
                    available=money(cells.sum("available_cents")),
                )
                for currency, cells in products.by("currency").items()
                if cells.sum("stocked_and_priced")
            ),
            key=lambda row: row.currency,
        )


async def metrics(selected: Collection[str], loader: Loader, *, active_only: bool) -> Metrics:
    """The selected metrics, of active products only or of all."""
    where = {PRODUCTS: {"is_active": (True,)}} if active_only else {}
    return await Metrics.load(selected, loader, where=where)
