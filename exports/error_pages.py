"""The page that a browser shows for a download that failed."""

import base64
import hashlib
from collections.abc import Sequence
from html import escape
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse

_STYLE: Final = (
    "body{font:1.1rem/1.5 system-ui,sans-serif;max-width:36rem;margin:4rem auto;padding:0 1rem}"
)
_DIGEST: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
# The policy allows this page's style, and nothing else.
_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_PAGE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>The download failed</title>
<style>{style}</style>
<h1>The download failed</h1>
{reasons}
<p>No file was saved. Go back to the page that started the download, and start it again there.</p>
</html>
"""


def is_navigation(request: Request) -> bool:
    """Whether a browser opens the address. `*/*`, which tools and scripts send, does not count."""
    return "text/html" in request.headers.get("accept", "")


def error_page(reasons: Sequence[str], status: int) -> HTMLResponse:
    """A page without script that lists why the download failed."""
    paragraphs = "\n".join(f"<p>{escape(reason)}</p>" for reason in reasons)
    return HTMLResponse(
        _PAGE.format(style=_STYLE, reasons=paragraphs),
        status_code=status,
        headers={"content-security-policy": _POLICY},
    )
