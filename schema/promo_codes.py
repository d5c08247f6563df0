"""`promoCodeStats`: its type, whose field `topCodes` has an argument."""

from typing import Annotated, Any

import strawberry

from resolvers.arguments import within
from resolvers.promo_code_stats import TOP_CODES_MAX, TopPromoCode
from resolvers.promo_code_stats import PromoCodeStats as Numbers
from schema.types import graphql_list, graphql_type


def _top_codes(
    root: strawberry.Parent[Numbers],
    first: Annotated[
        int, strawberry.argument(description=f"The number of codes: 1 to {TOP_CODES_MAX}.")
    ] = 10,
) -> object:
    return root.top_codes[: within("first", first, 1, TOP_CODES_MAX)]


_field: Any = strawberry.field(
    resolver=_top_codes,
    graphql_type=graphql_list(TopPromoCode),
    description=Numbers.top_codes.description,
)

PROMO_CODE_STATS = graphql_type(Numbers, top_codes=_field)
