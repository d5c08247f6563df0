"""A browser, and a demo for it to look at; nothing but the demo can be reached."""

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
)
from pymongo import MongoClient

from server.http.console import BUILT
from tests.commands import running

_NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next((found for name in _NAMES if (found := shutil.which(name))), None)
# Nothing that goes elsewhere by itself; and no screen.
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

Open = Callable[..., Awaitable[Page]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skips what needs a browser where there is none, or no page for it."""
    missing = (
        "needs Chromium" if CHROMIUM is None else "" if BUILT.exists() else "needs the built pages"
    )
    for item in items:
        if missing and Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.skip(reason=missing))


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Debian's Chromium, or what there is."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=_FLAGS)
        yield browser
        await browser.close()


@pytest.fixture(scope="session")
def demo_database(mongodb_uri: str) -> Iterator[str]:
    """The name of a demo's database."""
    name = f"headcount_console_{uuid4().hex[:12]}"
    yield name
    with MongoClient[dict[str, Any]](mongodb_uri) as client:
        client.drop_database(name)


@pytest.fixture(scope="session")
def demo(
    mongodb_uri: str, demo_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of a demo, as `make demo` starts one."""
    settings = {"HEADCOUNT_MONGODB_URI": mongodb_uri, "HEADCOUNT_DATABASE": demo_database}
    folder = tmp_path_factory.mktemp("demo")
    with running(folder, "demo", log=str(folder / "log"), **settings) as (_, url):
        yield url


@pytest.fixture
async def window(browser: Browser, demo: str) -> AsyncIterator[Open]:
    """Opens a page of a server, by its path; what goes wrong in it fails the test."""
    wrong: list[str] = []

    def note(said: ConsoleMessage) -> None:
        # Browsers say there, too, what tests want: that a token is refused, or the server away.
        wanted = "401 (Unauthorized)" in said.text or "net::ERR_FAILED" in said.text
        if said.type == "error" and not wanted:
            wrong.append(said.text)

    contexts: list[BrowserContext] = []

    async def open(path: str, url: str = demo, prefix: str = "", **options: Any) -> Page:
        # Behind a prefix, as a proxy puts one before a server.
        address = f"http://headcount.test{prefix}" if prefix else url
        context = await browser.new_context(**{"locale": "en-US", "timezone_id": "UTC"} | options)
        contexts.append(context)

        async def only_the_server(route: Route) -> None:
            asked = route.request.url
            if prefix and asked.startswith(f"{address}/"):
                await route.fulfill(response=await route.fetch(url=asked.replace(address, url, 1)))
            elif asked.startswith((f"{address}/", "blob:", "data:")):
                await route.fallback()
            else:
                wrong.append(f"asked for {asked}")
                await route.abort()

        await context.route("**/*", only_the_server)
        page = await context.new_page()
        page.set_default_timeout(20_000)
        page.on("console", note)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        await page.goto(address + path)
        return page

    yield open
    # What is on its way yet is of no interest.
    went_wrong = [*wrong]
    for context in contexts:
        await context.unroute_all(behavior="ignoreErrors")
        await context.close()
    assert went_wrong == []


@asynccontextmanager
async def away(page: Page) -> AsyncIterator[None]:
    """Lets the page's server be out of reach for a while."""

    async def refuse(route: Route) -> None:
        await route.abort()

    await page.context.route("**/graphql", refuse)
    yield
    await page.context.unroute("**/graphql", refuse)
