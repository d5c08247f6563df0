"""The dashboard in a browser: it shows the numbers of the API, or why it has none."""

import asyncio
import csv
import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import openpyxl
import pytest
from playwright.async_api import Locator, Page, Route, expect
from pymongo import MongoClient

from tests.commands import running
from tests.conftest import SECRET, token
from tests.console.accessibility import violations
from tests.console.api import api_answer, operation, ready, run, tokens
from tests.console.conftest import Open, away

PANELS = ("Overview", "Events", "Orders", "Promo codes", "Shop, last seven days", "Users and stock")
TABLE: dict[str, Any] = {
    "page": 0,
    "limit": 10,
    "activeOnly": False,
    "orderBy": {"field": "REVENUE", "direction": "DESC"},
}


def count(value: int) -> str:
    return f"{value:,}"


def money(value: float) -> str:
    return f"{value:,.2f}"


def panel(page: Page, title: str) -> Locator:
    return page.get_by_role("region", name=title, exact=True)


async def facts(within: Locator) -> dict[str, str]:
    """Name → number, both as shown."""
    names = await within.locator(".facts dt").all_text_contents()
    return dict(zip(names, await within.locator(".facts dd").all_text_contents(), strict=True))


async def numbers(within: Locator, title: str) -> list[list[str]]:
    """The rows of a chart's table."""
    figure = within.locator("figure", has=within.page.get_by_text(title))
    rows = await figure.locator("tbody tr").all()
    return [await row.locator("th, td").all_text_contents() for row in rows]


async def dashboard(window: Open, **options: Any) -> Page:
    page = await window("/", **options)
    for title in PANELS:
        await expect(panel(page, title)).to_be_visible()
    await expect(page.get_by_text("Counting…")).to_have_count(0)
    return page


async def as_role(page: Page, role: str) -> None:
    await page.get_by_role("radio", name=role, exact=True).check(force=True)
    await expect(page.locator(".token summary")).to_contain_text(f"demo {role}")
    await expect(page.get_by_text("Counting…")).to_have_count(0)


async def titles(page: Page) -> list[str]:
    """The titles of the events in the table, in order."""
    heads = await panel(page, "Events").locator("tbody th").all()
    return [await head.evaluate("each => each.firstChild.textContent") for head in heads]


def events(demo: str, **change: Any) -> list[dict[str, Any]]:
    answer = api_answer(demo, operation("Events"), **TABLE | change)
    rows: list[dict[str, Any]] = answer["data"]["eventStats"]["events"]
    return rows


async def test_the_cards_show_the_numbers_of_the_api(window: Open, demo: str) -> None:
    page = await dashboard(window)
    of = api_answer(demo, operation("dashboard/panels/Overview"))["data"]["eventsOverview"]
    cards = await panel(page, "Overview").locator(".cards b").all_text_contents()
    assert cards == [
        money(of["totalRevenue"]),
        count(of["totalOrders"]),
        count(of["totalTicketsIssued"]),
        count(of["totalEvents"]),
    ]
    by_type = await numbers(panel(page, "Overview"), "Events by type")
    assert by_type == [[each["eventType"], count(each["count"])] for each in of["eventsByType"]]


async def test_the_table_shows_the_events_of_the_api(window: Open, demo: str) -> None:
    page = await dashboard(window)
    rows = panel(page, "Events").locator("tbody tr")
    expected = events(demo)
    assert await rows.count() == len(expected)
    for index, event in enumerate(expected):
        cells = await rows.nth(index).locator("td").all_text_contents()
        assert cells[1] == event["eventType"]
        occupancy = f"{event['occupancyPct']:,.1f}".removesuffix(".0")
        assert cells[2].startswith(f"{occupancy} %" if event["capacity"] else "no limit")
        assert cells[3:] == [
            count(event["ticketsIssued"]),
            count(event["ticketsSold"]),
            count(event["ordersCount"]),
            money(event["revenue"]),
        ]
        meter = rows.nth(index).locator("meter")
        if event["capacity"]:
            assert await meter.evaluate("each => each.value") == min(event["occupancyPct"], 100)


async def test_the_api_sorts_pages_and_filters_the_table(window: Open, demo: str) -> None:
    page = await dashboard(window)
    table = panel(page, "Events")

    async def shows(**change: Any) -> None:
        expected = [each["title"] or "untitled" for each in events(demo, **change)]
        await expect(table.locator("tbody tr")).to_have_count(len(expected))
        await expect(table.locator("tbody th").first).to_contain_text(expected[0])
        assert await titles(page) == expected

    await shows()
    await table.get_by_role("button", name="Next").click()
    await expect(table.locator(".pages")).to_contain_text("11 to 20")
    await shows(page=1)
    # With the keyboard; sorting returns to the first page.
    await table.get_by_role("button", name=re.compile("^Event")).focus()
    await page.keyboard.press("Enter")
    await expect(table.locator(".pages")).to_contain_text("1 to 10")
    await shows(orderBy={"field": "TITLE", "direction": "DESC"})
    await page.keyboard.press("Enter")
    title = table.get_by_role("columnheader", name="Event")
    await expect(title).to_have_attribute("aria-sort", "ascending")
    by_title = {"field": "TITLE", "direction": "ASC"}
    await shows(orderBy=by_title)
    await table.get_by_label("Type").select_option("theater")
    await shows(orderBy=by_title, eventType="theater")
    await table.get_by_label("active only").check()
    await shows(orderBy=by_title, eventType="theater", activeOnly=True)


async def test_the_orders_show_the_numbers_of_the_api(window: Open, demo: str) -> None:
    page = await dashboard(window)
    of = api_answer(demo, operation("dashboard/panels/Orders"))["data"]["orderStats"]
    orders = panel(page, "Orders")
    shown = await facts(orders)
    assert shown["Orders"] == count(of["totalOrders"])
    assert shown["Amount"] == money(of["totalRevenue"])
    assert shown["of it paid"] == money(of["confirmedRevenue"])
    breakdowns = {
        "By status": of["byStatus"],
        "By gateway": of["byGateway"],
        "By payment method": of["byPaymentMethod"],
    }
    for title, parts in breakdowns.items():
        assert await numbers(orders, title) == [
            [each["key"], count(each["count"])] for each in parts
        ]
        bars = orders.locator("figure", has=page.get_by_text(title)).locator(
            ".recharts-bar-rectangle"
        )
        assert await bars.count() == len(parts)


async def test_the_promo_codes_show_the_numbers_of_the_api(window: Open, demo: str) -> None:
    page = await dashboard(window)
    of = api_answer(demo, operation("dashboard/panels/PromoCodes"))["data"]["promoCodeStats"]
    codes = panel(page, "Promo codes")
    assert await facts(codes) == {
        "Codes": count(of["totalPromoCodes"]),
        "usable now": count(of["activePromoCodes"]),
        "Tickets": count(of["totalTicketsFromPromos"]),
        "of unknown codes": count(of["unattributedTickets"]),
    }
    rows = codes.get_by_role("region", name="Top codes").locator("tbody tr")
    assert [await row.locator("th, td").all_text_contents() for row in await rows.all()] == [
        [
            each["code"],
            each["codeType"],
            "yes" if each["isActive"] else "no",
            count(each["ticketsGenerated"]),
        ]
        for each in of["topCodes"]
    ]


@pytest.mark.parametrize(("choice", "mode"), [("events", "TOTAL"), ("sessions", "UNIQUE")])
async def test_the_shop_panel_shows_the_numbers_of_the_api(
    window: Open, demo: str, choice: str, mode: str
) -> None:
    page = await dashboard(window, timezone_id="America/Bogota")
    shop = panel(page, "Shop, last seven days")
    await shop.get_by_role("radio", name=choice).check(force=True)
    variables = {"mode": mode, "timezone": "America/Bogota"}
    of = api_answer(demo, operation("dashboard/panels/Behaviour"), **variables)["data"][
        "dashboardStats"
    ]
    counts = of["eventCounts"]
    steps = ("productView", "addToCart", "beginCheckout", "purchase")
    await expect(shop.locator("figure").first.locator("tbody tr").nth(1)).to_contain_text(
        count(counts["addToCart"])
    )
    funnel = await numbers(shop, "Funnel")
    assert [row[1] for row in funnel] == [count(counts[step]) for step in steps]
    by_day = await numbers(shop, "Events by day")
    assert [row[1:] for row in by_day] == [
        [count(day[step]) for step in steps] for day in of["eventsTimeline"]
    ]
    shown = await facts(shop)
    assert shown["Sales"] == count(of["totalSales"])
    assert shown["Revenue"] == money(of["totalRevenue"])
    sources = await numbers(shop, "Sessions by source")
    assert sources == [[each["source"], count(each["sessions"])] for each in of["trafficSources"]]
    await expect(shop.locator(".note")).to_contain_text("Days are in the time zone America/Bogota")


async def test_each_role_sees_only_its_own_numbers(window: Open, demo: str) -> None:
    page = await dashboard(window)
    metrics = panel(page, "Users and stock")
    of = api_answer(demo, operation("dashboard/panels/Metrics"))["data"]["metrics"]
    shown = await facts(metrics)
    assert shown["Customers"] == count(of["totalCustomers"])
    assert shown["Staff"] == count(of["totalStaff"])
    assert shown["Products"] == count(of["totalProducts"])

    await as_role(page, "staff")
    for title in PANELS[:-1]:
        await expect(panel(page, title)).to_contain_text("can only be read by the role ADMIN")
    shown = await facts(metrics)
    assert shown["Customers"] == count(of["totalCustomers"])
    assert "Staff" not in shown
    assert "Products" not in shown
    await expect(metrics).to_contain_text("'totalStaff' can only be read by the role ADMIN")
    await expect(metrics).to_contain_text("with the permission MANAGE_INVENTORY")

    await as_role(page, "customer")
    assert await facts(metrics) == {}


async def test_an_export_button_downloads_a_file_that_opens(
    window: Open, demo: str, tmp_path: Path
) -> None:
    page = await dashboard(window)
    table = panel(page, "Events")
    await table.get_by_label("active only").check()
    total = api_answer(demo, "{ eventStats(activeOnly: true, limit: 1) { total } }")
    expected = total["data"]["eventStats"]["total"]
    for format in ("xlsx", "csv", "json"):
        async with page.expect_download() as downloading:
            await table.get_by_role("button", name=f"Export as {format}").click()
        download = await downloading.value
        file = tmp_path / download.suggested_filename
        await download.save_as(file)
        assert _events_in(file, format) == expected


def _events_in(file: Path, format: str) -> int:
    if format == "xlsx":
        workbook = openpyxl.load_workbook(file)
        return workbook.worksheets[0].max_row - 1
    if format == "json":
        sheets = json.loads(file.read_text())
        return len(next(rows for rows in sheets.values() if isinstance(rows, list)))
    with zipfile.ZipFile(file) as archive:
        text = archive.read(archive.namelist()[0]).decode("utf-8-sig")
    return len(list(csv.reader(io.StringIO(text)))) - 1


async def test_a_forbidden_export_shows_the_error(window: Open) -> None:
    page = await dashboard(window)
    await as_role(page, "staff")
    await panel(page, "Events").get_by_role("button", name="Export as csv").click()
    await expect(panel(page, "Events").get_by_role("alert")).to_contain_text("can only be read by")


async def test_a_panel_links_to_its_query(window: Open, demo: str) -> None:
    page = await dashboard(window)
    for title in PANELS:
        link = panel(page, title).get_by_role("link", name="Query")
        linked = parse_qs(urlsplit(await link.get_attribute("href") or "").fragment)
        answer = api_answer(demo, linked["query"][0], **json.loads(linked["variables"][0]))
        assert "errors" not in answer
        assert all(value is not None for value in answer["data"].values())
    # The last link is followed.
    await link.click()
    await ready(page)
    assert (await run(page))["data"] == answer["data"]
    await page.get_by_role("link", name="Dashboard").click()
    await expect(panel(page, "Overview")).to_be_visible()


def _customers(demo: str) -> int:
    answer = api_answer(demo, "{ metrics { totalCustomers } }")
    customers: int = answer["data"]["metrics"]["totalCustomers"]
    return customers


async def _counted(demo: str, customers: int) -> None:
    for _ in range(200):
        if _customers(demo) == customers:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"the API does not count {customers} customers")


async def test_the_page_is_live_until_live_is_unchecked(
    window: Open, demo: str, demo_database: str, mongodb_uri: str
) -> None:
    page = await window("/", clock=True)
    customers = panel(page, "Users and stock").locator("dd").first
    before = _customers(demo)
    await expect(customers).to_have_text(count(before))
    with MongoClient[dict[str, Any]](mongodb_uri) as client:
        users = client[demo_database]["users"]
        some = users.find_one({"role": "customer"}) or {}
        added = [
            {**some, "_id": f"live {number}", "email": f"{number}@live"} for number in range(2)
        ]
        users.insert_one(added[0])
        await _counted(demo, before + 1)
        await page.clock.run_for(15_000)
        await expect(customers).to_have_text(count(before + 1))
        await page.get_by_label("Live").uncheck()
        users.insert_one(added[1])
        await page.clock.run_for(60_000)
        await expect(customers).to_have_text(count(before + 1))
        users.delete_many({"_id": {"$in": [each["_id"] for each in added]}})


async def test_an_unreachable_server_is_shown_and_polled_again(window: Open, demo: str) -> None:
    page = await window("/", clock=True)
    orders = panel(page, "Orders")
    shown = api_answer(demo, operation("dashboard/panels/Orders"))["data"]["orderStats"][
        "totalOrders"
    ]
    await expect(orders).to_contain_text(count(shown))
    as_of = await orders.locator("header small").first.text_content()
    async with away(page):
        await page.clock.run_for(12_000)
        # The numbers stay visible, with their time.
        await expect(orders.get_by_role("status")).to_have_text("The server can’t be reached.")
        assert await orders.locator("header small").first.text_content() == as_of
        await expect(orders).to_contain_text(count(shown))
        await page.get_by_role("radio", name="staff").check(force=True)
        await page.clock.run_for(3000)
        await expect(page.locator("main")).to_contain_text("The server can’t be reached.")
        await expect(page.locator(".token summary")).to_have_text("No response")
    await page.clock.run_for(12_000)
    await expect(page.locator(".token summary")).to_contain_text("demo staff")
    await expect(orders).to_contain_text("can only be read by the role ADMIN")


async def test_the_previous_page_is_busy_until_the_next_one_arrives(
    window: Open, demo: str
) -> None:
    page = await dashboard(window)
    table = panel(page, "Events")
    held = asyncio.Event()

    async def hold(route: Route) -> None:
        await held.wait()
        await route.fallback()

    await page.route("**/graphql", hold)
    await table.get_by_role("button", name="Next").click()
    await expect(table).to_have_attribute("aria-busy", "true")
    held.set()
    await expect(table).to_have_attribute("aria-busy", "false")
    assert await titles(page) == [each["title"] or "untitled" for each in events(demo, page=1)]


async def test_the_dashboard_works_behind_a_path_prefix(window: Open, demo: str) -> None:
    page = await dashboard(window, prefix="/hc")
    async with page.expect_download() as downloading:
        await panel(page, "Events").get_by_role("button", name="Export as json").click()
    # Routes do not apply to downloads, so the test fetches the prefixed link itself.
    link = (await downloading.value).url
    assert link.startswith("http://headcount.test/hc/api/v1/")
    async with httpx.AsyncClient() as http:
        file = await http.get(link.replace("http://headcount.test/hc", demo))
    assert file.status_code == 200
    await panel(page, "Orders").get_by_role("link", name="Query").click()
    await ready(page)
    assert "errors" not in await run(page)


async def test_without_a_token_the_page_says_how_to_get_one(window: Open, demo: str) -> None:
    page = await dashboard(window)
    await page.get_by_role("radio", name="own token").check(force=True)
    await expect(page.locator("main")).to_contain_text("headcount token --role admin")
    await page.get_by_label("Token", exact=True).fill(token(role="admin", secret=SECRET))
    await page.get_by_role("button", name="Use it").click()
    await expect(page.locator("main")).to_contain_text("The token is not valid")
    await page.get_by_label("Token", exact=True).fill(tokens(demo)["admin"])
    await page.get_by_role("button", name="Use it").click()
    await expect(panel(page, "Overview").locator(".cards")).to_be_visible()


@pytest.fixture(scope="module")
def empty(mongodb_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server without demo, with an empty database."""
    folder = tmp_path_factory.mktemp("empty")
    settings = {
        "HEADCOUNT_MONGODB_URI": mongodb_uri,
        "HEADCOUNT_DATABASE": "headcount_console_empty",
        "HEADCOUNT_DASHBOARD": "on",
        "HEADCOUNT_JWT_SECRET": SECRET,
        "HEADCOUNT_ROLLUPS": "off",
    }
    with running(folder, "serve", log=str(folder / "log"), **settings) as (_, url):
        yield url


async def test_an_empty_database_is_shown_as_such(window: Open, empty: str) -> None:
    page = await window("/", empty)
    await expect(page.get_by_role("radio")).to_have_count(0)
    await page.get_by_label("Token", exact=True).fill(token(role="admin"))
    await page.get_by_role("button", name="Use it").click()
    await expect(panel(page, "Overview").locator(".cards b")).to_have_text(["0.00", "0", "0", "0"])
    await expect(panel(page, "Events")).to_contain_text("No event matches.")
    await expect(panel(page, "Promo codes")).to_contain_text("No ticket has a promo code yet.")
    await expect(panel(page, "Orders")).to_contain_text("Nothing yet.")
    await expect(panel(page, "Shop, last seven days")).to_contain_text("No product was viewed yet.")
    assert await violations(page) == []


async def test_the_dashboard_has_no_serious_accessibility_violations(window: Open) -> None:
    page = await dashboard(window, color_scheme="light")
    for summary in await page.locator("summary").all():
        await summary.click()
    assert await violations(page) == []
    await page.emulate_media(color_scheme="dark")
    assert await violations(page) == []
    await as_role(page, "staff")
    assert await violations(page) == []


async def test_the_dashboard_fits_a_telephone(window: Open) -> None:
    page = await dashboard(window, viewport={"width": 360, "height": 740}, has_touch=True)
    assert await page.evaluate("document.documentElement.scrollWidth") == 360
    assert await violations(page) == []
