"""All cubes: what can be counted at all."""

from typing import Final

from cubes.cube import Cube
from cubes.declared.behaviour import (
    BEHAVIOUR,
    BUYERS,
    CLICKERS,
    PERSONS,
    PRODUCT_ACTIVITY,
    PRODUCT_NAMES,
    PRODUCT_SESSIONS,
    PURCHASES,
    SESSIONS,
    SESSIONS_WITH,
    TRAFFIC,
)
from cubes.declared.events import EVENTS
from cubes.declared.orders import ORDERS
from cubes.declared.products import PRODUCTS
from cubes.declared.promo_codes import PROMO_CODES
from cubes.declared.tickets import PROMO_TICKETS, TICKETS
from cubes.declared.users import USERS

CUBES: Final[tuple[Cube, ...]] = (
    EVENTS,
    TICKETS,
    PROMO_TICKETS,
    ORDERS,
    PROMO_CODES,
    USERS,
    PRODUCTS,
    BEHAVIOUR,
    PRODUCT_ACTIVITY,
    PURCHASES,
    SESSIONS,
    *SESSIONS_WITH.values(),
    TRAFFIC,
    CLICKERS,
    PERSONS,
    BUYERS,
    PRODUCT_SESSIONS,
    PRODUCT_NAMES,
)
