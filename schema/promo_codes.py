"""`promoCodeStats`: codes, and the tickets they gave away."""

from typing import Annotated, cast

import strawberry

from resolvers.arguments import within
from resolvers.promo_code_stats import TOP_CODES_MAX
from resolvers.promo_code_stats import PromoCodeStats as Numbers


@strawberry.type(description="The promo codes of a type.")
class PromoCodeTypeStats:
    code_type: str = strawberry.field(description="The type's key; `unknown` for codes without.")
    total: int = strawberry.field(description="How many codes are of it.")
    active: int = strawberry.field(description="How many of these are active.")
    tickets_generated: int = strawberry.field(description="Promo tickets of these codes.")


@strawberry.type(description="A promo code that gave tickets away.")
class TopPromoCode:
    code: str = strawberry.field(description="What a customer types in.")
    code_type: str = strawberry.field(description="The type's key; `unknown` if it has none.")
    title: str = strawberry.field(description="What the code is for; empty if nobody said.")
    tickets_generated: int = strawberry.field(description="Promo tickets of this code.")
    is_active: bool = strawberry.field(description="Whether the code can be used now.")


def _top_codes(
    root: strawberry.Parent[Numbers],
    first: Annotated[
        int, strawberry.argument(description=f"How many at most: 1 to {TOP_CODES_MAX}.")
    ] = 10,
) -> list[TopPromoCode]:
    top = root.top_codes[: within("first", first, 1, TOP_CODES_MAX)]
    return cast("list[TopPromoCode]", top)


@strawberry.type(
    description="KPIs of all promo codes. A promo ticket has a promo code and no order; "
    "deleted tickets do not count."
)
class PromoCodeStats:
    total_promo_codes: int = strawberry.field(description="All promo codes.")
    active_promo_codes: int = strawberry.field(description="Promo codes that are marked active.")
    total_tickets_from_promos: int = strawberry.field(description="All promo tickets.")
    unattributed_tickets: int = strawberry.field(
        description="Promo tickets whose code no longer exists."
    )
    by_type: list[PromoCodeTypeStats] = strawberry.field(
        description="By the codes' type, most codes first. With unattributedTickets, the tickets "
        "generated sum to totalTicketsFromPromos."
    )
    top_codes: list[TopPromoCode] = strawberry.field(
        resolver=_top_codes,
        init=False,
        description="The codes that brought the most tickets; codes without any are left out. "
        "Ties are by code, then by id.",
    )
