"""Cancels requests whose client disconnects."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cancelling import cancel


class CancelOnDisconnect:
    """ASGI middleware: cancels the application when the client disconnects.

    It listens for the disconnect as soon as the application has read the request's body.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body_read, response_sent = asyncio.Event(), False

        async def observed_receive() -> Message:
            message = await receive()
            if not message.get("more_body"):
                body_read.set()
            return message

        async def observed_send(message: Message) -> None:
            nonlocal response_sent
            response_sent = message["type"] == "http.response.body" and not message.get("more_body")
            await send(message)

        async def disconnect() -> None:
            await body_read.wait()
            while (await receive())["type"] != "http.disconnect":
                pass

        responding = asyncio.ensure_future(self._app(scope, observed_receive, observed_send))
        disconnecting = asyncio.create_task(disconnect())
        try:
            await asyncio.wait((responding, disconnecting), return_when=asyncio.FIRST_COMPLETED)
            if responding.done() or response_sent:
                await responding
        finally:
            disconnecting.cancel()
            # Waits until the application has closed its cursors.
            await cancel(responding)
