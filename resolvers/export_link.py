"""Links to exports: an address with a token of its own."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from auth.links import Links
from auth.viewer import Viewer
from errors import ServiceUnavailable
from resolvers.exports import Export, ExportFormat, filename, permit, target


@dataclass(frozen=True, slots=True)
class ExportLink:
    """An address that works by itself until it expires, and the name of the file."""

    url: str
    filename: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ExportLinks:
    """Makes links to this server; without a secret there are none."""

    links: Links | None = None
    zone: tzinfo = UTC
    base_url: Callable[[], str] = str

    def link(
        self, export: Export, format: ExportFormat, viewer: Viewer, now: datetime
    ) -> ExportLink:
        """A link to an export.

        Raises `Forbidden` where the viewer may not have it, and `ServiceUnavailable` where links
        can't be signed.
        """
        permit(viewer, export)
        if self.links is None:
            raise ServiceUnavailable(
                "This server can't sign links: it has no HEADCOUNT_JWT_SECRET. Send the "
                "Authorization header instead."
            )
        address = target(export, format)
        token, expires_at = self.links.sign(viewer, address, now)
        return ExportLink(
            url=f"{self.base_url().rstrip('/')}{address}&token={token}",
            filename=filename(export, format, now, self.zone),
            expires_at=expires_at,
        )
