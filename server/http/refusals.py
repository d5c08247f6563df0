"""Refusals of an overloaded server, which are answered late."""

import asyncio
from random import uniform
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

DELAY: Final = "headcount.delay"
"""Where in a request's scope the application puts how many seconds its response waits, about."""


class DelayedRefusals:
    """ASGI middleware: sends a response late if the application says so.

    Clients that try again at once would keep the server busy with refusals. The application has
    ended meanwhile, so that a response that waits takes little memory. Put it first.

    Responses wait for half to one and a half times as long: clients that are refused together
    would come again together.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        held = list[Message]()

        async def send_or_hold(message: Message) -> None:
            if DELAY in scope:
                held.append(message)
            else:
                await send(message)

        await self._app(scope, receive, send_or_hold)
        if held:
            await asyncio.sleep(scope[DELAY] * uniform(0.5, 1.5))  # noqa: S311
            for message in held:
                await send(message)
