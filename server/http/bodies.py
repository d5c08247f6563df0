"""The size limit of request bodies."""

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from errors import ContentTooLarge

BODY_MAX: Final = 1_000_000
"""The largest body, in bytes."""


class BoundedBodies:
    """ASGI middleware: raises `ContentTooLarge` when the application reads too large a body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        received = 0

        async def bounded_receive() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > BODY_MAX:
                raise ContentTooLarge(f"The request's body has more than {BODY_MAX} bytes.")
            return message

        await self._app(scope, bounded_receive, send)
