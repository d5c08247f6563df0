"""Fixtures: a browser, and a demo; the browser can reach no other server."""

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Route,
    async_playwright,
    expect,
)
from pymongo import MongoClient

from server.http.console import BUILT
from tests.commands import PATIENCE, running

# The first is Chromium without a window system: a page costs half the processor time there.
_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
CHROMIUM = next((found for name in _NAMES if (found := shutil.which(name))), None)
# No screen, and no requests by the browser itself.
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

expect.set_options(timeout=1000 * PATIENCE)

Open = Callable[..., Awaitable[Page]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skips the tests of this folder if Chromium or the built pages are missing."""
    missing = (
        "needs Chromium" if CHROMIUM is None else "" if BUILT.exists() else "needs the built pages"
    )
    for item in items:
        if missing and Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.skip(reason=missing))


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Debian's Chromium, or another installed Chromium or Chrome, without a window."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=_FLAGS)
        yield browser
        await browser.close()


@pytest.fixture(scope="session")
def demo_database(mongodb_uri: str) -> Iterator[str]:
    """The name of the demo's database, which is dropped at the end."""
    name = f"headcount_console_{uuid4().hex[:12]}"
    yield name
    with MongoClient[dict[str, Any]](mongodb_uri) as client:
        client.drop_database(name)


@pytest.fixture(scope="session")
def demo(
    mongodb_uri: str, demo_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The URL of a demo, started as by `make demo`, with fewer documents."""
    settings = {"HEADCOUNT_MONGODB_URI": mongodb_uri, "HEADCOUNT_DATABASE": demo_database}
    folder = tmp_path_factory.mktemp("demo")
    with running(folder, "demo", "--scale=0.4", log=str(folder / "log"), **settings) as (_, url):
        yield url


@pytest.fixture
async def window(browser: Browser, demo: str) -> AsyncIterator[Open]:
    """A function that opens a page by its path. Any error in a page fails the test."""
    errors: list[str] = []

    def note(message: ConsoleMessage) -> None:
        # Some tests cause these two errors: a rejected token, and an unreachable server.
        expected = "401 (Unauthorized)" in message.text or "net::ERR_FAILED" in message.text
        if message.type == "error" and not expected:
            errors.append(message.text)

    contexts: list[BrowserContext] = []

    async def open(
        path: str,
        url: str = demo,
        prefix: str = "",
        clock: bool = False,
        script: str | None = None,
        **options: Any,
    ) -> Page:
        # A prefix stands for a proxy that serves the pages under a path. With `clock` the test
        # moves the page's clock. The script runs before those of the page.
        address = f"http://headcount.test{prefix}" if prefix else url
        context = await browser.new_context(**{"locale": "en-US", "timezone_id": "UTC"} | options)
        contexts.append(context)

        async def only_the_server(route: Route) -> None:
            target = route.request.url
            if prefix and target.startswith(f"{address}/"):
                await route.fulfill(response=await route.fetch(url=target.replace(address, url, 1)))
            elif target.startswith((f"{address}/", "blob:", "data:")):
                await route.fallback()
            else:
                errors.append(f"a request to {target}")
                await route.abort()

        await context.route("**/*", only_the_server)
        page = await context.new_page()
        page.set_default_timeout(1000 * PATIENCE)
        page.on("console", note)
        page.on("pageerror", lambda error: errors.append(str(error)))
        if clock:
            await page.clock.install()
        if script is not None:
            await page.add_init_script(script)
        await page.goto(address + path)
        return page

    yield open
    # Errors of requests that closing interrupts do not count.
    found = [*errors]
    for context in contexts:
        await context.unroute_all(behavior="ignoreErrors")
        await context.close()
    assert found == []


@asynccontextmanager
async def away(page: Page) -> AsyncIterator[None]:
    """Makes the server unreachable for the page in the `with` block."""

    async def refuse(route: Route) -> None:
        await route.abort()

    await page.context.route("**/graphql", refuse)
    yield
    await page.context.unroute("**/graphql", refuse)
