"""The context of an operation: what resolvers get along with their arguments."""

from dataclasses import dataclass, field
from datetime import datetime

import strawberry

from auth.viewer import Viewer
from loaders.loader import Loader
from resolvers.export_link import ExportLinks


@dataclass(frozen=True, slots=True)
class Context:
    """One request: the caller, the request's time, its loader and the signer of export links."""

    viewer: Viewer
    now: datetime
    loader: Loader
    links: ExportLinks = field(default_factory=ExportLinks)


Info = strawberry.Info[Context, None]
