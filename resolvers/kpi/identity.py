"""The id of stats: the key under which clients cache them."""

from collections.abc import Sequence

from resolvers.kpi.declarations import Kpi, Readers
from resolvers.kpi.terms import Values
from resolvers.kpi.units import ID


class _Identity(Kpi[str]):
    def values(self, values: Values) -> Sequence[str]:
        return values.ids()


def identity(
    source: str = "the type's name and the field's arguments", *, readers: Readers = None
) -> Kpi[str]:
    """The field `id`. `source` says what the id is made of, for the field's description."""
    description = f"The object's key in clients' caches: {source}."
    return _Identity(description, ID, readers=readers, sortable=False)
