"""`metrics`: users, products and stock. Each field carries its own rule."""

import strawberry

from auth.viewer import Permission, Role
from schema.rules import permission, roles


@strawberry.type(description="What the products in one currency are worth, in major units.")
class CurrencyInventoryRevenue:
    currency: str = strawberry.field(
        description="The currency's code; `unknown` for prices without."
    )
    total: float = strawberry.field(description="All that is in stock.")
    reserved: float = strawberry.field(description="What is reserved of it.")
    available: float = strawberry.field(description="What is not reserved of it.")


_FOR_CUSTOMERS = permission(Permission.VIEW_CUSTOMERS)
_FOR_ADMINS = roles(Role.ADMIN)
_FOR_INVENTORY = permission(Permission.MANAGE_INVENTORY)


@strawberry.type(
    description="Counts of users and products. A field that you may not read is null, with a "
    "FORBIDDEN error at its path; the fields beside it still answer. Money is in major units."
)
class Metrics:
    total_customers: int | None = strawberry.field(
        extensions=_FOR_CUSTOMERS, description="All customers."
    )
    active_customers: int | None = strawberry.field(
        extensions=_FOR_CUSTOMERS, description="Customers that are marked active."
    )
    inactive_customers: int | None = strawberry.field(
        extensions=_FOR_CUSTOMERS, description="All other customers."
    )
    customers_email_verified: int | None = strawberry.field(
        extensions=_FOR_CUSTOMERS, description="Customers whose e-mail address is verified."
    )
    customers_phone_verified: int | None = strawberry.field(
        extensions=_FOR_CUSTOMERS, description="Customers whose phone number is verified."
    )

    total_staff: int | None = strawberry.field(extensions=_FOR_ADMINS, description="All staff.")
    total_admins: int | None = strawberry.field(extensions=_FOR_ADMINS, description="All admins.")
    active_staff: int | None = strawberry.field(
        extensions=_FOR_ADMINS, description="Staff that are marked active."
    )
    active_admins: int | None = strawberry.field(
        extensions=_FOR_ADMINS, description="Admins that are marked active."
    )
    inactive_staff: int | None = strawberry.field(
        extensions=_FOR_ADMINS, description="All other staff."
    )
    inactive_admins: int | None = strawberry.field(
        extensions=_FOR_ADMINS, description="All other admins."
    )
    staff_email_verified: int | None = strawberry.field(
        extensions=_FOR_ADMINS, description="Staff whose e-mail address is verified."
    )
    admins_email_verified: int | None = strawberry.field(
        extensions=_FOR_ADMINS, description="Admins whose e-mail address is verified."
    )
    staff_phone_verified: int | None = strawberry.field(
        extensions=_FOR_ADMINS, description="Staff whose phone number is verified."
    )
    admins_phone_verified: int | None = strawberry.field(
        extensions=_FOR_ADMINS, description="Admins whose phone number is verified."
    )

    total_products: int | None = strawberry.field(
        extensions=_FOR_INVENTORY, description="All products, or all active ones."
    )
    total_products_with_inventory: int | None = strawberry.field(
        extensions=_FOR_INVENTORY, description="Products whose stock is kept."
    )
    total_products_with_pricing: int | None = strawberry.field(
        extensions=_FOR_INVENTORY, description="Products that have a price."
    )
    total_stock_quantity: int | None = strawberry.field(
        extensions=_FOR_INVENTORY, description="Units in stock."
    )
    total_reserved_quantity: int | None = strawberry.field(
        extensions=_FOR_INVENTORY, description="Units in stock that are reserved."
    )
    total_available_quantity: int | None = strawberry.field(
        extensions=_FOR_INVENTORY, description="Units in stock less those reserved."
    )
    products_in_stock: int | None = strawberry.field(
        extensions=_FOR_INVENTORY,
        description="Products with units available; those low on stock among them.",
    )
    products_low_stock: int | None = strawberry.field(
        extensions=_FOR_INVENTORY,
        description="Products with units available, but no more than their threshold.",
    )
    products_out_of_stock: int | None = strawberry.field(
        extensions=_FOR_INVENTORY,
        description="Products whose stock is kept, with no unit available.",
    )
    total_inventory_revenue: float | None = strawberry.field(
        extensions=_FOR_INVENTORY,
        description="What the stock is worth; currencies are added as they are.",
    )
    reserved_inventory_revenue: float | None = strawberry.field(
        extensions=_FOR_INVENTORY,
        description="What the reserved stock is worth; currencies are added as they are.",
    )
    available_inventory_revenue: float | None = strawberry.field(
        extensions=_FOR_INVENTORY,
        description="What the available stock is worth; currencies are added as they are.",
    )
    inventory_revenue_by_currency: list[CurrencyInventoryRevenue] | None = strawberry.field(
        extensions=_FOR_INVENTORY,
        description="The same, currency by currency; only of products with both stock and price.",
    )
