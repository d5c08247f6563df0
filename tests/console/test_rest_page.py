"""The REST page in a browser that can reach only the server."""

import json
import re
from typing import Any

import httpx
from playwright.async_api import Locator, Page, expect

from tests.console.accessibility import violations
from tests.console.api import tokens
from tests.console.conftest import Open

EVENTS = "/api/v1/admin/events-dashboard/events"
TICKETS = "/organizer/report/events/tickets"


def rest_answer(demo: str, path: str, role: str = "admin") -> Any:
    """The answer of the server to a request for a path."""
    headers = {"authorization": f"Bearer {tokens(demo)[role]}"}
    response = httpx.get(demo + path, headers=headers)
    assert response.status_code == 200
    return response.json()


async def rest_page(window: Open, path: str = "/docs", **options: Any) -> Page:
    page = await window(path, **options)
    await expect(page.locator(".opblock").first).to_be_visible()
    await expect(page.locator(".token summary")).to_contain_text("expires")
    return page


def operation(page: Page, path: str) -> Locator:
    return page.locator(".opblock", has=page.locator(f'[data-path="{path}"]'))


async def opened(page: Page, path: str) -> Locator:
    """The operation of a path, after a click on it."""
    found = operation(page, path)
    await found.locator(".opblock-summary-control").click()
    return found


async def executed(found: Locator) -> str:
    """The text of the answer, after a click on Execute."""
    await found.get_by_role("button", name="Execute").click()
    return await answer(found)


async def answer(found: Locator) -> str:
    return await found.locator(
        ".live-responses-table .response-col_description pre"
    ).first.inner_text()


async def tab_to(page: Page, target: Locator) -> None:
    """Presses Tab until an element has the focus, which can be seen."""
    for _ in range(60):
        await page.keyboard.press("Tab")
        if await target.evaluate("each => each === document.activeElement"):
            break
    await expect(target).to_be_focused()
    outline = "each => getComputedStyle(each).outlineStyle"
    assert await target.evaluate(outline) != "none"


async def test_the_page_lists_the_paths_of_the_document(window: Open, demo: str) -> None:
    page = await rest_page(window)
    document = rest_answer(demo, "/openapi.json")
    shown = await page.locator("[data-path]").evaluate_all("all => all.map(e => e.dataset.path)")
    assert sorted(shown) == sorted(document["paths"])
    for path, methods in document["paths"].items():
        await expect(operation(page, path)).to_contain_text(methods["get"]["summary"])
    assert await page.locator("a[href^='http']").count() == 0


async def test_a_path_can_be_tried_by_keyboard_alone(window: Open, demo: str) -> None:
    page = await rest_page(window)
    # The token: the demo's switch, then the field.
    for _ in range(10):
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement.type === 'radio'"):
            break
    for _ in range(4):
        await page.keyboard.press("ArrowRight")
    await expect(page.locator(".token summary")).to_have_text("No token yet")
    token = page.get_by_label("Token", exact=True)
    await tab_to(page, token)
    await page.keyboard.type(tokens(demo)["admin"])
    await page.keyboard.press("Enter")
    await expect(page.locator(".token summary")).to_contain_text("demo admin")
    await page.keyboard.press("Escape")

    found = operation(page, EVENTS)
    await tab_to(page, found.locator(".opblock-summary-control"))
    await page.keyboard.press("Enter")
    await tab_to(page, found.get_by_label(re.compile("^limit")))
    await page.keyboard.press("Control+A")
    await page.keyboard.type("2")
    await tab_to(page, found.get_by_label(re.compile("^active_only")))
    await page.keyboard.press("t")
    await tab_to(page, found.get_by_role("button", name="Execute"))
    await page.keyboard.press("Enter")
    expected = rest_answer(demo, f"{EVENTS}?limit=2&active_only=true")
    assert json.loads(await answer(found)) == expected
    assert len(expected["events"]) == 2
    # The answer can be scrolled, and copied.
    await tab_to(page, found.locator(".live-responses-table .code").first)


async def test_the_token_of_the_page_is_sent(window: Open, demo: str) -> None:
    page = await rest_page(window)
    await page.get_by_role("radio", name="staff", exact=True).check(force=True)
    found = await opened(page, "/metrics/staff-dashboard")
    shown = await executed(found)
    assert json.loads(shown) == rest_answer(demo, "/metrics/staff-dashboard", "staff")
    await page.get_by_role("radio", name="own token").check(force=True)
    await found.get_by_role("button", name="Execute").click()
    await expect(found.locator(".live-responses-table")).to_contain_text("UNAUTHENTICATED")


async def test_an_export_can_be_downloaded(window: Open) -> None:
    page = await rest_page(window)
    found = await opened(page, f"{EVENTS}/export")
    await found.get_by_role("button", name="Execute").click()
    async with page.expect_download() as downloading:
        await found.get_by_role("link", name="Download file").click()
    file = await downloading.value
    assert file.suggested_filename.endswith(".xlsx")
    assert (await file.path()).read_bytes().startswith(b"PK")


async def test_the_page_works_behind_a_path_prefix(window: Open, demo: str) -> None:
    page = await rest_page(window, prefix="/hc")
    shown = await executed(await opened(page, "/metrics/inventory"))
    assert json.loads(shown) == rest_answer(demo, "/metrics/inventory")
    await page.get_by_role("link", name="GraphiQL").click()
    await page.get_by_role("link", name="REST API").click()
    await page.get_by_role("link", name="Dashboard").click()
    await page.get_by_role("link", name="REST API").click()
    await expect(page).to_have_url(re.compile("/hc/docs$"))


async def test_a_link_opens_its_path(window: Open) -> None:
    page = await rest_page(window)
    await opened(page, TICKETS)
    link = page.url.partition("/docs")[2]
    page = await rest_page(window, f"/docs/{link}")
    button = operation(page, TICKETS).locator(".opblock-summary-control")
    await expect(button).to_have_attribute("aria-expanded", "true")


async def test_the_rest_page_has_no_serious_accessibility_violations(window: Open) -> None:
    for scheme in ("dark", "light"):
        page = await rest_page(window, color_scheme=scheme)
        ground = await page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (int(re.findall(r"\d+", ground)[0]) < 100) == (scheme == "dark")
        assert await violations(page) == []
        for path in (EVENTS, TICKETS):
            found = await opened(page, path)
            # The required parameters of the report are missing.
            await found.get_by_role("button", name="Execute").click()
            await found.get_by_role("tab", name="Schema").first.click()
            await found.get_by_role("button", name="Expand all").first.click()
        await answer(operation(page, EVENTS))
        assert await violations(page) == []
