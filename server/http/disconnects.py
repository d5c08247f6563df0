"""Clients that go away: what is done for them is cancelled."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cancelling import cancel


class Disconnects:
    """ASGI middleware: cancels the application when nobody waits for its answer any more.

    A client is listened for from when its request has been read.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        read, answered = asyncio.Event(), False

        async def heard() -> Message:
            message = await receive()
            if not message.get("more_body"):
                read.set()
            return message

        async def sent(message: Message) -> None:
            nonlocal answered
            answered = message["type"] == "http.response.body" and not message.get("more_body")
            await send(message)

        async def gone() -> None:
            await read.wait()
            while (await receive())["type"] != "http.disconnect":
                pass

        answering = asyncio.ensure_future(self._app(scope, heard, sent))
        leaving = asyncio.create_task(gone())
        try:
            await asyncio.wait((answering, leaving), return_when=asyncio.FIRST_COMPLETED)
            if answering.done() or answered:
                await answering
        finally:
            leaving.cancel()
            # What it was doing is to have ended.
            await cancel(answering)
