"""Download links: URLs of exports with a link token."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, tzinfo

from auth.links import LinkSigner
from auth.viewer import Viewer
from exports.addresses import filename, target
from resolvers.exports import Export, ExportFormat, ExportLink


@dataclass(frozen=True, slots=True)
class SignedLinks:
    """Makes links to this server; implements `resolvers.exports.ExportLinks`."""

    signer: LinkSigner
    zone: tzinfo
    """The time zone of the time in file names."""
    base_url: Callable[[], str]

    def link(
        self, export: Export, format: ExportFormat, viewer: Viewer, now: datetime
    ) -> ExportLink:
        """A link that gives its bearer the viewer's access to one export."""
        url_target = target(export, format)
        token, expires_at = self.signer.sign(viewer, url_target, now)
        return ExportLink(
            url=f"{self.base_url().rstrip('/')}{url_target}&token={token}",
            filename=filename(export, format, now, self.zone),
            expires_at=expires_at,
        )
