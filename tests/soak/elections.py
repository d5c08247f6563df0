"""Elections of a replica set, whoever causes them."""

from collections.abc import Callable

from pymongo.monitoring import (
    TopologyClosedEvent,
    TopologyDescriptionChangedEvent,
    TopologyListener,
    TopologyOpenedEvent,
)


class Elections(TopologyListener):
    """Calls a function when the set has another primary, or none."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self.watching = True
        """Whether changes count: to close the client is one, too."""
        self._primary: object = None

    def opened(self, event: TopologyOpenedEvent) -> None:
        """Does nothing: there is no primary yet."""

    def closed(self, event: TopologyClosedEvent) -> None:
        """Does nothing: the client is closed."""

    def description_changed(self, event: TopologyDescriptionChangedEvent) -> None:
        servers = event.new_description.server_descriptions().items()
        primary = next((at for at, each in servers if each.server_type_name == "RSPrimary"), None)
        if self.watching and primary != self._primary:
            self._primary = primary
            self._changed()
