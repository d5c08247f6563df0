"""What a resolver gets along with its arguments."""

from dataclasses import dataclass
from datetime import datetime

import strawberry

from auth.viewer import Viewer
from loaders.aggregations import Aggregations


@dataclass(frozen=True, slots=True)
class Context:
    """One request: who asks, when, and the loader of what is asked for."""

    viewer: Viewer
    now: datetime
    aggregations: Aggregations


Info = strawberry.Info[Context, None]
