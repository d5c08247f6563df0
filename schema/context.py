"""What a resolver gets along with its arguments."""

from dataclasses import dataclass, field
from datetime import datetime

import strawberry

from auth.viewer import Viewer
from loaders.loader import Aggregations
from resolvers.export_link import ExportLinks


@dataclass(frozen=True, slots=True)
class Context:
    """One request: who asks, when, the loader of what is asked for, and the maker of links."""

    viewer: Viewer
    now: datetime
    aggregations: Aggregations
    links: ExportLinks = field(default_factory=ExportLinks)


Info = strawberry.Info[Context, None]
