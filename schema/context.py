"""The context of an operation: what resolvers get along with their arguments."""

from dataclasses import dataclass
from datetime import datetime

import strawberry

from auth.viewer import Viewer
from loaders.loader import Loader
from resolvers.exports import ExportLinks


@dataclass(frozen=True, slots=True)
class Context:
    """One request: the caller, the request's time, its loader and the signer of export links."""

    viewer: Viewer
    now: datetime
    loader: Loader
    links: ExportLinks | None = None


Info = strawberry.Info[Context, None]
