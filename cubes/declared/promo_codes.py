"""The cube and the table of `promo_codes`."""

from typing import Final

from cubes.cube import Cube
from cubes.expressions import UNKNOWN, flag, text
from cubes.rows import Table
from documents.promo_code import PromoCode

PROMO_CODE_ROWS: Final = Table(
    source=PromoCode,
    columns={
        "code": text("$code", ""),
        "code_type": text("$code_type", UNKNOWN),
        "title": text("$title", ""),
        "is_active": flag("$is_active"),
    },
)

PROMO_CODES: Final = Cube(
    name="promo codes",
    source=PromoCode,
    dimensions={
        "code_type": PROMO_CODE_ROWS.columns["code_type"],
        "is_active": PROMO_CODE_ROWS.columns["is_active"],
    },
    measures={"promo_codes": 1},
)
