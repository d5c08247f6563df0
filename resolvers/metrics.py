"""Metrics: users by role, products, stock and what it is worth (metrics-api)."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, cast

from cubes.cube import Cells
from cubes.declared.products import PRODUCTS
from cubes.declared.users import USERS
from loaders.loader import Aggregations
from resolvers.kpi import Kpi, Stats, kpi
from resolvers.rounding import count, money


@dataclass(frozen=True, slots=True)
class CurrencyInventoryRevenue:
    """What the stock in one currency is worth, in major units."""

    currency: str
    total: float
    reserved: float
    available: float


def _users(role: str, measure: str) -> Kpi[int]:
    return Kpi(
        lambda _, cells: count(cells.sum(measure, role={role})),
        USERS.slice("role", measures=[measure]),
    )


def _inactive(role: str) -> Kpi[int]:
    return Kpi(
        lambda _, cells: count(cells.sum("users", role={role}) - cells.sum("active", role={role})),
        USERS.slice("role", measures=["users", "active"]),
    )


def _products(measure: str) -> Kpi[int]:
    return Kpi(
        lambda metrics, cells: count(cells.sum(measure, is_active=metrics.active)),
        PRODUCTS.slice("is_active", measures=[measure]),
    )


def _worth(measure: str) -> Kpi[float]:
    return Kpi(
        lambda metrics, cells: money(cells.sum(measure, is_active=metrics.active)),
        PRODUCTS.slice("is_active", measures=[measure]),
    )


class Metrics(Stats):
    """KPIs of all users, and of the products that are active (or of all)."""

    active: Collection[bool] = (True,)
    """The products' `is_active` that count."""

    total_customers: Final = _users("customer", "users")
    active_customers: Final = _users("customer", "active")
    inactive_customers: Final = _inactive("customer")
    customers_email_verified: Final = _users("customer", "email_verified")
    customers_phone_verified: Final = _users("customer", "phone_verified")

    total_staff: Final = _users("staff", "users")
    total_admins: Final = _users("admin", "users")
    active_staff: Final = _users("staff", "active")
    active_admins: Final = _users("admin", "active")
    inactive_staff: Final = _inactive("staff")
    inactive_admins: Final = _inactive("admin")
    staff_email_verified: Final = _users("staff", "email_verified")
    admins_email_verified: Final = _users("admin", "email_verified")
    staff_phone_verified: Final = _users("staff", "phone_verified")
    admins_phone_verified: Final = _users("admin", "phone_verified")

    total_products: Final = _products("products")
    total_products_with_inventory: Final = _products("stocked")
    total_products_with_pricing: Final = _products("priced")
    total_stock_quantity: Final = _products("stock")
    total_reserved_quantity: Final = _products("reserved")
    products_in_stock: Final = _products("in_stock")
    products_low_stock: Final = _products("low_stock")
    products_out_of_stock: Final = _products("out_of_stock")
    total_inventory_revenue: Final = _worth("stock_cents")
    reserved_inventory_revenue: Final = _worth("reserved_cents")
    available_inventory_revenue: Final = _worth("available_cents")

    @kpi(PRODUCTS.slice("is_active", measures=["stock", "reserved"]))
    def total_available_quantity(self, cells: Cells) -> int:
        """Stock less what is reserved."""
        stock, reserved = (cells.sum(m, is_active=self.active) for m in ("stock", "reserved"))
        return count(stock - reserved)

    @kpi(
        PRODUCTS.slice(
            "is_active",
            "currency",
            measures=["stocked_and_priced", "stock_cents", "reserved_cents", "available_cents"],
        )
    )
    def inventory_revenue_by_currency(self, cells: Cells) -> list[CurrencyInventoryRevenue]:
        """The currencies of products that have both stock and price, by currency."""
        groups = cells.only("is_active", self.active).by("currency").items()
        return sorted(
            (
                CurrencyInventoryRevenue(
                    currency=cast("str", currency),
                    total=money(group.sum("stock_cents")),
                    reserved=money(group.sum("reserved_cents")),
                    available=money(group.sum("available_cents")),
                )
                for currency, group in groups
                if group.sum("stocked_and_priced")
            ),
            key=lambda row: row.currency,
        )


async def metrics(
    selected: Collection[str], aggregations: Aggregations, *, active_only: bool
) -> Metrics:
    """The selected metrics, of active products only or of all."""
    loaded = await Metrics.load(selected, aggregations)
    loaded.active = (True,) if active_only else (True, False)
    return loaded
