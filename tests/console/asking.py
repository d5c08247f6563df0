"""What the pages should show: what the API answers to the same operation."""

import json
import re
from pathlib import Path
from typing import Any, Final

import httpx
from playwright.async_api import Page, Response, expect

CONSOLE: Final = Path(__file__).parents[2] / "console"
SOURCES: Final = CONSOLE / "src"


def tokens(url: str) -> dict[str, str]:
    """The demo's tokens, by role, as its pages get them."""
    page = httpx.get(url + "/", headers={"accept": "text/html"}).text
    given = re.search(r'<script id="settings" type="application/json">(.*)</script>', page)
    assert given is not None
    found: dict[str, str] = json.loads(given[1])["tokens"]
    return found


def operation(name: str) -> str:
    """An operation of the dashboard, or an example of GraphiQL (`examples/Overview`)."""
    (file,) = SOURCES.rglob(f"{name}.graphql")
    return file.read_text()


async def ready(page: Page) -> None:
    """Waits until GraphiQL can be used."""
    await expect(page.locator(".graphiql-query-editor .view-line").first).to_be_visible()
    await expect(page.locator(".token summary")).to_contain_text("expires")


async def run(page: Page) -> Any:
    """Runs the operation that is open in GraphiQL; gives the response."""

    def its(response: Response) -> bool:
        asked = response.request.post_data
        return asked is not None and "query Viewer" not in asked

    async with page.expect_response(its) as answered:
        await page.get_by_role("button", name="Execute query (Ctrl-Enter)").click()
    return await (await answered.value).json()


def asked(url: str, query: str, role: str = "admin", **variables: Any) -> Any:
    """The response to an operation."""
    response = httpx.post(
        f"{url}/graphql",
        json={"query": query, "variables": variables},
        headers={"authorization": f"Bearer {tokens(url)[role]}"},
    )
    assert response.status_code == 200
    return response.json()
