"""What a resolver gets along with its arguments."""

from dataclasses import dataclass

import strawberry

from auth.viewer import Viewer
from loaders.aggregations import Aggregations


@dataclass(frozen=True, slots=True)
class Context:
    """One request: who asks, and the loader of what is asked for."""

    viewer: Viewer
    aggregations: Aggregations


Info = strawberry.Info[Context, None]
