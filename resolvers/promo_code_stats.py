"""PromoCodeStats: codes, and the tickets they gave away (events-dashboard, section 3)."""

from collections import Counter
from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Self, cast

from cubes.cube import Cells
from cubes.declared.promo_codes import PROMO_CODE_ROWS, PROMO_CODES
from cubes.declared.tickets import PROMO_TICKETS
from cubes.keys import key_of
from cubes.rows import Lookup, Row
from loaders.loader import Aggregations
from resolvers.breakdown import largest_first
from resolvers.kpi import Stats, kpi
from resolvers.rounding import count

TOP_CODES_MAX: Final = 100

_BY_CODE: Final = PROMO_TICKETS.slice("promo_code", measures=["tickets"])
# Which columns of the codes that gave tickets away a field shows or goes by.
_COLUMNS: Final[Mapping[str, frozenset[str]]] = {
    "unattributed_tickets": frozenset(),
    "by_type": frozenset({"code_type"}),
    "top_codes": frozenset({"code", "code_type", "title", "is_active"}),
}


@dataclass(frozen=True, slots=True)
class PromoCodeTypeStats:
    """The codes of a type, and the tickets they gave away."""

    code_type: str
    total: int
    active: int
    tickets_generated: int


@dataclass(frozen=True, slots=True)
class TopPromoCode:
    """A code, and the tickets it gave away."""

    code: str
    code_type: str
    title: str
    tickets_generated: int
    is_active: bool


class PromoCodeStats(Stats):
    """KPIs of all promo codes and of all tickets of origin promo."""

    _codes: Mapping[Hashable, Row]

    @classmethod
    async def load(cls, selected: Collection[str], aggregations: Aggregations) -> Self:
        stats = await super().load(selected, aggregations)
        if columns := [_COLUMNS[name] for name in selected if name in _COLUMNS]:
            lookup = Lookup(PROMO_CODE_ROWS, frozenset().union(*columns), frozenset(stats._tickets))
            stats._codes = await aggregations.load(lookup)
        return stats

    @cached_property
    def _tickets(self) -> dict[Hashable, int]:
        """Promo tickets by the id of their code, whether or not that still exists."""
        cells = self.read(PROMO_TICKETS)
        return {code: group.sum("tickets") for code, group in cells.by("promo_code").items()}

    @kpi(PROMO_CODES.slice(measures=["promo_codes"]))
    def total_promo_codes(self, cells: Cells) -> int:
        return count(cells.sum("promo_codes"))

    @kpi(PROMO_CODES.slice("is_active", measures=["promo_codes"]))
    def active_promo_codes(self, cells: Cells) -> int:
        return count(cells.sum("promo_codes", is_active={True}))

    @kpi(_BY_CODE)
    def total_tickets_from_promos(self, cells: Cells) -> int:
        return count(cells.sum("tickets"))

    @kpi(_BY_CODE)
    def unattributed_tickets(self, cells: Cells) -> int:
        """Promo tickets whose code no longer exists."""
        return count(sum(n for code, n in self._tickets.items() if code not in self._codes))

    @kpi(PROMO_CODES.slice("code_type", "is_active", measures=["promo_codes"]), _BY_CODE)
    def by_type(self, cells: Cells, _: Cells) -> list[PromoCodeTypeStats]:
        """By number of codes descending, then by type."""
        codes = cells.by("code_type")
        tickets: Counter[str] = Counter()
        for code, n in self._tickets.items():
            if row := self._codes.get(code):
                tickets[row["code_type"]] += n
        # A code made since the cells were read may bring a type that they don't know.
        for code_type in tickets:
            codes.setdefault(code_type, Cells(()))
        totals = ((cast("str", key), group.sum("promo_codes")) for key, group in codes.items())
        return [
            PromoCodeTypeStats(
                code_type=code_type,
                total=count(total),
                active=count(codes[code_type].sum("promo_codes", is_active={True})),
                tickets_generated=count(tickets[code_type]),
            )
            for code_type, total in largest_first(totals)
        ]

    @kpi(_BY_CODE)
    def top_codes(self, _: Cells) -> list[TopPromoCode]:
        """The codes that gave tickets away: most tickets first, then by code, then by `_id`."""
        rows = sorted(self._codes.values(), key=lambda row: str(row["_id"]))
        rows.sort(key=lambda row: (-self._tickets[key_of(row["_id"])], row["code"]))
        return [
            TopPromoCode(
                code=row["code"],
                code_type=row["code_type"],
                title=row["title"],
                tickets_generated=count(self._tickets[key_of(row["_id"])]),
                is_active=row["is_active"],
            )
            for row in rows[:TOP_CODES_MAX]
        ]
