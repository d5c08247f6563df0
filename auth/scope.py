"""The scope of a viewer: the events that the viewer may see.

Loaders of scoped data take a `Scope`, so code that forgets to check fails the type check.
"""

from dataclasses import dataclass
from typing import Self

from auth.viewer import Role, Viewer


@dataclass(frozen=True, slots=True)
class Scope:
    """The events of all organizers, of one organizer, or of none. Only `of` creates a scope."""

    _all: bool
    _organizer_id: str | None

    @classmethod
    def of(cls, viewer: Viewer) -> Self:
        """The scope of a viewer: all events for an admin, their own for an organizer, else none."""
        own = viewer.organizer_id if viewer.role is Role.ORGANIZER else None
        return cls(viewer.role is Role.ADMIN, own)

    def admits(self, organizer_id: object) -> bool:
        """Whether the scope includes an event with this stored `organizer_id`."""
        return self._all or (self._organizer_id is not None and organizer_id == self._organizer_id)
