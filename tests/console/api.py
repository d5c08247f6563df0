"""The expected content of pages: the API's answers to the same operations."""

import json
import re
from pathlib import Path
from typing import Any, Final

import httpx
from playwright.async_api import Page, Response, expect

CONSOLE: Final = Path(__file__).parents[2] / "console"
SOURCES: Final = CONSOLE / "src"


def tokens(url: str) -> dict[str, str]:
    """Role → demo token, as in the settings of the pages."""
    page = httpx.get(url + "/", headers={"accept": "text/html"}).text
    given = re.search(r'<script id="settings" type="application/json">(.*)</script>', page)
    assert given is not None
    found: dict[str, str] = json.loads(given[1])["tokens"]
    return found


def operation(name: str) -> str:
    """The text of an operation file, such as `Events` or `examples/Overview`."""
    (file,) = SOURCES.rglob(f"{name}.graphql")
    return file.read_text()


async def ready(page: Page) -> None:
    """Waits until GraphiQL has an editor and a token."""
    await expect(page.locator(".graphiql-query-editor .view-line").first).to_be_visible()
    await expect(page.locator(".token summary")).to_contain_text("expires")


async def run(page: Page) -> Any:
    """Runs the operation in the active tab of GraphiQL; returns the response."""

    def is_answer(response: Response) -> bool:
        body = response.request.post_data
        return body is not None and "query Viewer" not in body

    async with page.expect_response(is_answer) as answered:
        await page.get_by_role("button", name="Execute query (Ctrl-Enter)").click()
    return await (await answered.value).json()


def api_answer(url: str, query: str, role: str = "admin", **variables: Any) -> Any:
    """The API's response to an operation."""
    response = httpx.post(
        f"{url}/graphql",
        json={"query": query, "variables": variables},
        headers={"authorization": f"Bearer {tokens(url)[role]}"},
    )
    assert response.status_code == 200
    return response.json()
