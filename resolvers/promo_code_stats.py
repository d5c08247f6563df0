"""`promoCodeStats`: promo codes, and the tickets that they gave away."""

from collections import Counter
from collections.abc import Collection, Hashable, Mapping
from functools import partial
from typing import Final, Self, cast

from cubes.cells import Cells
from cubes.declared.promo_codes import PROMO_CODE_ROWS, PROMO_CODES
from cubes.declared.tickets import PROMO_TICKETS
from cubes.rows import KEYS_MAX, Lookup, Row
from loaders.computing import computed
from loaders.loader import Loader
from resolvers.breakdown import largest_first
from resolvers.kpi.declarations import column, fold, kpi, kpis_of
from resolvers.kpi.identity import identity
from resolvers.kpi.rounding import count
from resolvers.kpi.stats import Rows, Stats
from resolvers.kpi.terms import total
from resolvers.kpi.units import COUNT, FLAG, TEXT
from resolvers.kpi.values import described, value

TOP_CODES_MAX: Final = 100

_BY_CODE: Final = PROMO_TICKETS.slice("promo_code", measures=["tickets"])


@value
class PromoCodeTypeStats:
    """The promo codes of a type."""

    code_type: str = described("The type's key; `unknown` for codes without a type.", TEXT)
    total: int = described("The number of codes.", COUNT)
    active: int = described("The number of codes that are marked active.", COUNT)
    tickets_generated: int = described("Promo tickets of these codes.", COUNT)


class TopPromoCode(Stats, table=PROMO_CODE_ROWS, key="promo_code"):
    """A promo code that gave tickets away."""

    id = identity("the code's ObjectId")
    code: Final = column(TEXT, "The text that a customer enters.", "code")
    code_type: Final = column(TEXT, "The type's key; `unknown` without a type.", "code_type")
    title: Final = column(TEXT, "The title of the code; empty if it has none.", "title")
    tickets_generated: Final = kpi(
        COUNT, "Promo tickets of this code.", total(PROMO_TICKETS, "tickets")
    )
    is_active: Final = column(FLAG, "Whether the code is marked active.", "is_active")


_TOP: Final = frozenset(each.name for each in kpis_of(TopPromoCode))
# The columns of the codes with tickets that a KPI shows or goes by.
_COLUMNS: Final[Mapping[str, frozenset[str]]] = {
    "unattributed_tickets": frozenset(),
    "by_type": frozenset({"code_type"}),
    "top_codes": frozenset({"code", "code_type", "title", "is_active"}),
}


class PromoCodeStats(Stats):
    """KPIs of all promo codes.

    A promo ticket has a promo code and no order; deleted tickets do not count.
    """

    _codes: Mapping[Hashable, Row]

    @classmethod
    async def of(cls, selected: Collection[str], loader: Loader) -> Self:
        """Loads the selected KPIs, and the codes that have tickets."""
        stats = await cls.load(selected, loader)
        if columns := [_COLUMNS[name] for name in selected if name in _COLUMNS]:
            tickets = stats.of_slice(_BY_CODE)
            codes = await computed(tickets.size, partial(tickets.totals, "promo_code", "tickets"))
            keys = frozenset(codes) if len(codes) <= KEYS_MAX else None
            lookup = Lookup(PROMO_CODE_ROWS, frozenset().union(*columns), keys)
            stats._codes = await loader.load(lookup)
        return await stats.precomputed(selected)

    total_promo_codes = kpi(COUNT, "All promo codes.", total(PROMO_CODES, "promo_codes"))
    active_promo_codes = kpi(
        COUNT,
        "Promo codes that are marked active.",
        total(PROMO_CODES, "promo_codes", is_active=True),
    )
    total_tickets_from_promos = kpi(COUNT, "All promo tickets.", total(PROMO_TICKETS, "tickets"))

    @fold(_BY_CODE)
    def unattributed_tickets(self, tickets: Cells) -> int:
        """Promo tickets whose code no longer exists."""
        by_code = tickets.totals("promo_code", "tickets")
        return count(sum(number for code, number in by_code.items() if code not in self._codes))

    @fold(PROMO_CODES.slice("code_type", "is_active", measures=["promo_codes"]), _BY_CODE)
    def by_type(self, codes: Cells, tickets: Cells) -> list[PromoCodeTypeStats]:
        """Codes by type, most codes first.

        The tickets generated + unattributedTickets = totalTicketsFromPromos.
        """
        totals = cast("Mapping[str, int]", codes.totals("code_type", "promo_codes"))
        active = codes.totals("code_type", "promo_codes", is_active=[True])
        generated: Counter[str] = Counter()
        for code, number in cast(
            "Mapping[str, int]", tickets.totals("promo_code", "tickets")
        ).items():
            if row := self._codes.get(code):
                generated[row["code_type"]] += number
        # A code that was made since its cells were read may bring a type that they lack.
        types = {**dict.fromkeys(generated, 0), **totals}
        return [
            PromoCodeTypeStats(
                code_type=code_type,
                total=count(number),
                active=count(active.get(code_type, 0)),
                tickets_generated=count(generated[code_type]),
            )
            for code_type, number in largest_first(types.items())
        ]

    @fold(_BY_CODE)
    def top_codes(self, tickets: Cells) -> list[TopPromoCode]:
        """The codes with the most promo tickets; codes without any are left out.

        Ties go by code, then by id.
        """
        with_tickets = tickets.totals("promo_code", "tickets")
        codes = (row for code, row in self._codes.items() if code in with_tickets)
        by_id = sorted(codes, key=lambda row: str(row["_id"]))
        by_code = sorted(by_id, key=lambda row: row["code"])
        rows = Rows(TopPromoCode, by_code, {_BY_CODE.family: tickets})
        top = rows.page("tickets_generated", descending=True, start=0, stop=TOP_CODES_MAX)
        return top.made(_TOP)
