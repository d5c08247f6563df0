"""Bodies of requests: none may be larger than is good for the server's memory."""

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from errors import ContentTooLarge

BODY_MAX: Final = 1_000_000
"""Bytes that a request's body may have."""


class BoundedBodies:
    """ASGI middleware: whoever reads too large a body gets `ContentTooLarge`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        received = 0

        async def bounded() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > BODY_MAX:
                raise ContentTooLarge(f"A request may have {BODY_MAX} bytes at most.")
            return message

        await self._app(scope, bounded, send)
