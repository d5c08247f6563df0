"""GraphiQL in a browser that can reach only the server."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.async_api import Page, Route, expect

from tests.console.accessibility import violations
from tests.console.api import SOURCES, api_answer, operation, ready, run, tokens
from tests.console.conftest import Open, away

EXAMPLES = sorted((SOURCES / "graphiql" / "examples").glob("*.graphql"))
ACTIVE = ".graphiql-tab-active .graphiql-tab-button"


async def graphiql(window: Open, path: str = "/graphql", **options: Any) -> Page:
    page = await window(path, **options)
    await ready(page)
    return page


async def open_tab(page: Page, name: str) -> None:
    await page.locator(".graphiql-tab-button").get_by_text(name, exact=True).click()


async def as_role(page: Page, role: str) -> None:
    await page.get_by_role("radio", name=role, exact=True).check(force=True)
    await expect(page.locator(".token summary")).to_contain_text(f"demo {role}")


async def test_the_first_operation_runs_at_once(window: Open, demo: str) -> None:
    page = await graphiql(window)
    answer = await run(page)
    assert answer["data"] == api_answer(demo, operation("examples/Overview"))["data"]
    events = answer["data"]["eventsOverview"]["totalEvents"]
    await expect(page.locator(".result-window")).to_contain_text(f'"totalEvents": {events}')


async def test_the_result_shows_its_cost_time_and_freshness(window: Open) -> None:
    page = await graphiql(window)
    figures = page.locator(".figures")
    await expect(figures).to_contain_text("Run an operation")
    answer = await run(page)
    shown = answer["extensions"]
    await expect(figures).to_contain_text(f"{shown['aggregations']} aggregations")
    await expect(figures).to_contain_text(f"cost {shown['cost']}")
    for cube in shown["freshness"]:
        await expect(figures).to_contain_text(cube["cube"])
    await expect(figures).to_contain_text(" ms")
    # Each tab shows the figures of its own result.
    await open_tab(page, "Orders")
    await expect(figures).to_contain_text("Run an operation")
    await open_tab(page, "Overview")
    await expect(figures).to_contain_text(f"cost {shown['cost']}")


def test_a_comment_of_an_example_fits_into_the_editor() -> None:
    for example in EXAMPLES:
        assert all(len(line) <= 62 for line in example.read_text().splitlines() if "#" in line)


async def test_each_example_has_a_tab_and_answers(window: Open) -> None:
    page = await graphiql(window)
    tabs = page.locator(".graphiql-tab-button")
    await expect(tabs).to_have_count(len(EXAMPLES))
    assert sorted(await tabs.all_text_contents()) == [example.stem for example in EXAMPLES]
    for example in EXAMPLES:
        await open_tab(page, example.stem)
        answer = await run(page)
        assert "errors" not in answer
        assert all(value for value in answer["data"].values())


async def test_the_example_of_the_ticket_report_has_events_of_the_demo(window: Open) -> None:
    page = await graphiql(window)
    await open_tab(page, "TicketReport")
    everything = (await run(page))["data"]["ticketReport"]["total"]
    await as_role(page, "organizer")
    own = (await run(page))["data"]["ticketReport"]["total"]
    assert 0 < own < everything


async def test_a_field_name_is_completed(window: Open) -> None:
    page = await graphiql(window)
    await page.get_by_role("button", name="New tab").click()
    await page.locator(".graphiql-query-editor .view-line").first.click()
    await page.keyboard.press("Control+A")
    await page.keyboard.type("{ eventsOv")
    suggestion = page.locator(".suggest-widget .monaco-list-row", has_text="eventsOverview")
    # Enter would take the row that is first now, which may be another for a moment.
    await suggestion.click()
    await expect(page.locator(".graphiql-query-editor .view-lines")).to_contain_text(
        "eventsOverview"
    )


async def test_the_last_typed_operation_is_run(window: Open) -> None:
    page = await graphiql(window)
    await page.get_by_role("button", name="New tab").click()
    await page.locator(".graphiql-query-editor .view-line").first.click()
    await page.keyboard.insert_text("{ viewer { role } }")
    # Right after the input: the operation name of the previous tab must not be sent.
    assert (await run(page))["data"] == {"viewer": {"role": "ADMIN"}}


async def test_a_wrong_field_name_is_underlined(window: Open) -> None:
    page = await graphiql(window)
    await page.get_by_role("button", name="New tab").click()
    await page.locator(".graphiql-query-editor .view-line").first.click()
    await page.keyboard.type("{ eventsUnderview { totalEvents } }")
    await expect(page.locator(".graphiql-query-editor .squiggly-error").first).to_be_attached()


async def test_the_docs_name_the_rule_of_each_field(window: Open) -> None:
    page = await graphiql(window)
    await page.get_by_role("button", name="Show Documentation Explorer").click()
    docs = page.locator(".graphiql-doc-explorer")
    await docs.get_by_role("link", name="Query").click()
    await expect(docs).to_contain_text("Only for ADMIN. The events dashboard's cards.")
    await expect(docs).to_contain_text("Only for ADMIN, ORGANIZER.")
    await docs.get_by_role("link", name="Metrics", exact=True).click()
    await expect(docs).to_contain_text("Only for ADMIN, STAFF with VIEW_CUSTOMERS. All customers.")
    await expect(docs).to_contain_text("Only for ADMIN. All staff.")
    await docs.get_by_role("link", name="totalCustomers").click()
    await expect(docs).to_contain_text("requiresPermission")


async def test_a_role_decides_what_is_answered(window: Open, demo: str) -> None:
    page = await graphiql(window)
    await open_tab(page, "Metrics")
    for role in ("admin", "staff", "organizer", "customer"):
        await as_role(page, role)
        answer = await run(page)
        expected = api_answer(demo, operation("examples/Metrics"), role)
        assert answer["data"] == expected["data"]
        assert (answer["data"]["metrics"]["totalStaff"] is not None) == (role == "admin")
        forbidden = {error["extensions"]["code"] for error in answer.get("errors", [])}
        assert forbidden == (set() if role == "admin" else {"FORBIDDEN"})


async def test_a_token_is_shown_and_remembered_by_its_tab_only(window: Open, demo: str) -> None:
    page = await graphiql(window)
    await page.get_by_role("radio", name="own token").check(force=True)
    await expect(page.locator(".token summary")).to_have_text("No token yet")
    await page.get_by_label("Token", exact=True).fill("Bearer nonsense")
    await page.get_by_role("button", name="Use it").click()
    await expect(page.locator(".token summary")).to_have_text("This token is not accepted")
    await expect(page.locator(".token")).to_contain_text("The token is not valid")

    staff = tokens(demo)["staff"]
    await page.get_by_label("Token", exact=True).fill(f"Bearer {staff}")
    await page.get_by_role("button", name="Use it").click()
    await expect(page.locator(".token summary")).to_contain_text("demo staff · STAFF")
    await expect(page.locator(".token dl")).to_contain_text("VIEW_CUSTOMERS")
    await expect(page.locator(".token dl")).to_contain_text("in 24 hours")

    await page.reload()
    await expect(page.locator(".token summary")).to_contain_text("demo staff · STAFF")
    stored = await page.evaluate("JSON.stringify(localStorage) + document.cookie")
    assert staff not in stored
    other = await page.context.new_page()
    await other.goto(f"{demo}/graphql")
    await expect(other.locator(".token summary")).to_contain_text("demo admin")
    assert staff not in await other.evaluate("JSON.stringify(sessionStorage)")

    await page.locator(".token summary").click()
    await page.get_by_role("button", name="Forget it").click()
    await expect(page.locator(".token summary")).to_have_text("No token yet")


async def test_explorer_and_history_work(window: Open) -> None:
    page = await graphiql(window)
    await page.get_by_role("button", name="Show GraphiQL Explorer").click()
    await expect(page.locator(".graphiql-plugin")).to_contain_text("promoCodeStats")
    await run(page)
    await page.get_by_role("button", name="Show History").click()
    await expect(page.locator(".graphiql-history")).to_contain_text("Overview")


async def test_prettify_formats_the_query_and_its_variables(window: Open) -> None:
    page = await graphiql(window)
    await page.get_by_role("button", name="New tab").click()
    await page.locator(".graphiql-query-editor .view-line").first.click()
    await page.keyboard.insert_text("query A{viewer{role}}")
    await page.locator(".graphiql-editor-tool .view-line").first.click()
    await page.keyboard.insert_text('{"b":[1],"c":{}}')
    await page.get_by_role("button", name="Prettify query (Shift-Ctrl-P)").click()
    await expect(page.locator(".graphiql-query-editor .view-line").nth(1)).to_contain_text("viewer")
    variables = page.locator(".graphiql-editor-tool .view-lines").first
    await expect(variables).to_contain_text('"b": [')


async def test_a_link_opens_its_operation(window: Open) -> None:
    query = "query Linked($m: CountMode!) { dashboardStats(mode: $m) { mode } }"
    page = await graphiql(
        window, "/graphql#" + urlencode({"query": query, "variables": '{"m": "UNIQUE"}'})
    )
    await expect(page.locator(ACTIVE)).to_have_text("Linked")
    assert (await run(page))["data"] == {"dashboardStats": {"mode": "UNIQUE"}}
    # A second link, in the open page that has tabs already.
    async with page.expect_navigation():
        await page.evaluate("location.hash = 'query=query Again{viewer{role}}'")
    await expect(page.locator(ACTIVE)).to_have_text("Again")
    await ready(page)
    assert (await run(page))["data"] == {"viewer": {"role": "ADMIN"}}
    # After a reload the operation still has a tab.
    await page.reload()
    await ready(page)
    await expect(page.locator(".graphiql-tab-button")).to_have_count(len(EXAMPLES) + 2)


async def test_the_page_is_dark_if_the_browser_prefers_dark(window: Open) -> None:
    page = await graphiql(window, color_scheme="dark")
    for scheme in ("dark", "light"):
        await page.emulate_media(color_scheme=scheme)
        ground = await page.evaluate(
            "getComputedStyle(document.querySelector('.header')).backgroundColor"
        )
        red = int(ground.removeprefix("rgb(").split(",")[0])
        assert (red < 100) == (scheme == "dark")


async def test_graphiql_has_no_serious_accessibility_violations(window: Open) -> None:
    # Its editors have the colours of the time at which the page was opened.
    for scheme in ("dark", "light"):
        page = await graphiql(window, color_scheme=scheme)
        await run(page)
        assert await violations(page) == []


async def test_a_header_takes_precedence_over_the_token_and_is_not_stored(
    window: Open, demo: str
) -> None:
    page = await graphiql(window)
    await open_tab(page, "Metrics")
    await page.get_by_role("button", name="Headers", exact=True).click()
    staff = tokens(demo)["staff"]
    await page.locator(".graphiql-editor-tool .view-line").last.click()
    await page.keyboard.insert_text(json.dumps({"Authorization": f"Bearer {staff}"}))
    answer = await run(page)
    assert answer["data"] == api_answer(demo, operation("examples/Metrics"), "staff")["data"]
    await page.get_by_role("button", name="Show History").click()
    await expect(page.locator(".graphiql-history")).to_contain_text("Metrics")
    stored = await page.evaluate("JSON.stringify(localStorage)")
    assert "query Metrics" in stored
    assert staff not in stored


async def test_closed_examples_can_be_opened_again(window: Open) -> None:
    page = await graphiql(window)
    for _ in range(len(EXAMPLES) - 1):
        await page.locator(".graphiql-tab-active .graphiql-tab-close").click()
    await expect(page.locator(ACTIVE)).to_have_count(1)
    await page.get_by_role("button", name="Show Examples").click()
    await page.get_by_role("button", name="Behaviour", exact=True).last.click()
    await expect(page.locator(ACTIVE)).to_have_text("Behaviour")
    assert (await run(page))["data"]["dashboardStats"] is not None


@pytest.mark.parametrize(
    "spoilt",
    [
        "Object.defineProperty(window, 'localStorage', { get() { throw new Error('denied') } })",
        "for (const name of ['queries', 'tabState'])"
        "  localStorage[`headcount:graphiql:${name}`] = '{'",
        "localStorage['graphiql:tabState'] = JSON.stringify({ tabs: [], activeTabIndex: 0 })",
    ],
)
async def test_invalid_or_denied_local_storage_does_not_break_the_page(
    window: Open, spoilt: str
) -> None:
    page = await graphiql(window, script=spoilt)
    await open_tab(page, "Orders")
    assert (await run(page))["data"]["orderStats"] is not None


async def test_a_request_can_be_stopped(window: Open) -> None:
    page = await graphiql(window)
    stalled: list[Route] = []

    async def stall(route: Route) -> None:
        stalled.append(route)

    await page.route("**/graphql", stall)
    async with page.expect_event("requestfailed") as failed:
        await page.get_by_role("button", name="Execute query (Ctrl-Enter)").click()
        await page.get_by_role("button", name="Stop query (Ctrl-Enter)").click()
    assert (await failed.value).url.endswith("/graphql")


async def test_an_unreachable_server_is_shown(window: Open) -> None:
    page = await graphiql(window)
    await run(page)
    async with away(page):
        await page.get_by_role("button", name="Execute query (Ctrl-Enter)").click()
        await expect(page.locator(".result-window")).to_contain_text("can’t be reached")
    figures = page.locator(".figures")
    await expect(figures).not_to_contain_text("aggregations")


async def test_a_theme_applies_to_the_whole_page(window: Open) -> None:
    page = await graphiql(window, color_scheme="light")
    await page.get_by_role("button", name="Open settings dialog").click()
    await page.get_by_role("button", name="Dark", exact=True).click()
    assert (
        await page.evaluate("getComputedStyle(document.querySelector('.header')).backgroundColor")
        == "rgb(28, 30, 38)"
    )
