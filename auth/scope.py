"""Whose events a caller may see: a type, so that forgetting to ask does not pass the type check."""

from dataclasses import dataclass
from typing import Self

from auth.viewer import Role, Viewer


@dataclass(frozen=True, slots=True)
class Scope:
    """The events of all organizers, of one, or of none. Made by `of` alone."""

    _all: bool
    _organizer_id: str | None

    @classmethod
    def of(cls, viewer: Viewer) -> Self:
        """What the viewer may see: an admin all events, an organizer their own."""
        own = viewer.organizer_id if viewer.role is Role.ORGANIZER else None
        return cls(viewer.role is Role.ADMIN, own)

    def admits(self, organizer_id: object) -> bool:
        """Whether an event may be seen that is stored with this `organizer_id`."""
        return self._all or (self._organizer_id is not None and organizer_id == self._organizer_id)
