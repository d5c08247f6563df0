"""The audit log: who read personal data."""

from collections.abc import Iterable

import structlog

from auth.viewer import Viewer, for_log


def owners_read(viewer: Viewer, event_ids: Iterable[str], rows: int) -> None:
    """Logs that a viewer read the owners of tickets: of which events, and in how many rows."""
    structlog.get_logger("headcount.audit").info(
        "owners of tickets were read",
        subject=viewer.subject and for_log(viewer.subject),
        role=viewer.role.name,
        events=[*dict.fromkeys(event_ids)],
        rows=rows,
    )
