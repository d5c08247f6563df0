"""The console: serves GraphiQL, the dashboard and the REST page, or how to build them."""

import json
import os
import re
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

import schema
from server.embedded.demo_access import DemoAccess
from server.http.hosts import base_url
from server.settings import Settings

_FOLDER: Final = Path(__file__).parents[2] / "console"
BUILT: Final = _FOLDER / "dist"
"""The output folder of `npm run build`."""

_SCHEMA_LINK: Final = re.compile(r'\s*<p id="schema">.*?</p>', re.DOTALL)
_EMPTY_SETTINGS: Final = '<script id="settings" type="application/json">{}</script>'
# One year: a file's name contains a hash of its content.
_IMMUTABLE: Final = "public, max-age=31536000, immutable"
_POLICY: Final = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "worker-src": "'self'",
    "font-src": "'self'",
    "img-src": "'self' data:",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
_INLINE_STYLES: Final = {"style-src": "'self' 'unsafe-inline'"}

_OFF: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>GraphiQL is off</title>
<h1>GraphiQL is off</h1>
<p>{reason}</p>
<p>The API works.</p>
</html>
"""


class Console:
    """The pages of a server; `demo` adds tokens to the pages of a demo."""

    def __init__(self, settings: Settings, demo: DemoAccess | None = None) -> None:
        self._settings = settings
        self._demo = demo
        self._base_url = base_url(settings.public_url)
        self._sdl = schema.sdl()
        self._graphiql_off = _graphiql_off(settings)

    def routes(self) -> list[Route]:
        """The routes of the pages, except GraphiQL, which shares `/graphql` with the API."""
        routes = []
        if self._settings.introspection:
            routes.append(Route("/schema.graphql", self._schema))
            routes.append(Route("/docs", self._docs))
            # Relative, so that it works behind a proxy that adds a path prefix.
            routes.append(Route("/docs/", RedirectResponse("../docs"), methods=["GET"]))
        if self._settings.dashboard:
            routes.append(Route("/", self._dashboard))
        if BUILT.exists():
            files = _Files(directory=BUILT / "console")
            routes.append(Route("/console/{path:path}", files))
        return routes

    def graphiql(self, request: Request) -> Response:
        """The page of GraphiQL, or the reason why it is off."""
        if self._graphiql_off is not None:
            return _html(_OFF.replace("{reason}", self._graphiql_off), {}, status=404)
        # The Monaco editor inserts style elements for its themes.
        return self._page("graphql", request, _INLINE_STYLES)

    async def _dashboard(self, request: Request) -> Response:
        return self._page("index", request, {})

    async def _docs(self, request: Request) -> Response:
        return self._page("docs", request, {})

    async def _schema(self, request: Request) -> Response:
        return PlainTextResponse(self._sdl)

    def _page(self, name: str, request: Request, policy: Mapping[str, str]) -> Response:
        file = BUILT / f"{name}.html"
        if not file.exists():
            page = (_FOLDER / "unbuilt.html").read_text()
            page = page.replace("http://127.0.0.1:8000/", escape(self._base_url(request)))
            if not self._settings.introspection:
                page = _SCHEMA_LINK.sub("", page)
            return _html(page, _INLINE_STYLES)
        settings = _EMPTY_SETTINGS.replace("{}", _json(self._page_settings()))
        return _html(file.read_text().replace(_EMPTY_SETTINGS, settings), policy)

    def _page_settings(self) -> dict[str, Any]:
        settings: dict[str, Any] = {
            "dashboard": bool(self._settings.dashboard),
            "graphiql": self._graphiql_off is None,
            "docs": self._settings.introspection,
        }
        return settings | (self._demo.page_settings() if self._demo else {})


def _graphiql_off(settings: Settings) -> str | None:
    """Why GraphiQL would be of no use; None if it is."""
    if settings.trusted_documents == "only":
        return (
            "This server runs the operations of its manifest and no others: "
            "HEADCOUNT_TRUSTED_DOCUMENTS is only."
        )
    return None if settings.introspection else "HEADCOUNT_INTROSPECTION is off."


def _html(page: str, policy: Mapping[str, str], status: int = 200) -> Response:
    rules = "; ".join(f"{name} {value}" for name, value in (_POLICY | dict(policy)).items())
    return HTMLResponse(page, status, headers={"content-security-policy": rules})


def _json(value: object) -> str:
    """JSON that can stand in a script element: it contains no `<`."""
    return json.dumps(value).replace("<", r"\u003c")


class _Files(StaticFiles):
    def get_path(self, scope: Scope) -> str:
        # Normalized, so that the path stays below the folder.
        return os.path.normpath(str(scope["path_params"]["path"]))

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["cache-control"] = _IMMUTABLE
        return response
