"""All cubes: what can be counted at all."""

from typing import Final

from cubes.behaviour import (
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
from cubes.cube import Cube
from cubes.events import EVENTS
from cubes.orders import ORDERS
from cubes.products import PRODUCTS
from cubes.promo_codes import PROMO_CODES
from cubes.tickets import PROMO_TICKETS, TICKETS
from cubes.users import USERS

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
