"""The docs' pictures: each run of the tests makes them; `--pictures docs` updates docs/."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.console.api import ready, run
from tests.console.conftest import Open

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def pictures(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The folder for the pictures."""
    folder: Path | None = request.config.getoption("--pictures")
    return folder or tmp_path


async def test_a_picture_of_the_dashboard(window: Open, pictures: Path) -> None:
    page = await window("/", viewport={"width": 1400, "height": 1560})
    await expect(page.get_by_text("Counting…")).to_have_count(0)
    await expect(page.locator(".recharts-bar-rectangle").first).to_be_visible()
    await page.screenshot(path=pictures / "dashboard.png")
    shop = page.get_by_role("region", name="Shop, last seven days")
    await shop.screenshot(path=pictures / "shop.png")
    for name in ("dashboard.png", "shop.png"):
        assert (pictures / name).read_bytes().startswith(PNG)


async def test_a_picture_of_graphiql(window: Open, pictures: Path) -> None:
    page = await window("/graphql", viewport={"width": 1400, "height": 820}, color_scheme="dark")
    await ready(page)
    await page.get_by_role("button", name="Show Documentation Explorer").click()
    docs = page.locator(".graphiql-doc-explorer")
    await docs.get_by_role("link", name="Query").click()
    await docs.get_by_role("link", name="Metrics", exact=True).click()
    await page.locator(".graphiql-tab-button").get_by_text("Metrics", exact=True).click()
    await page.get_by_role("radio", name="staff").check(force=True)
    await expect(page.locator(".token summary")).to_contain_text("demo staff")
    await run(page)
    await expect(page.locator(".figures")).to_contain_text("ms")
    await page.locator(".graphiql-plugin").evaluate("panel => panel.scrollTo(0, 0)")
    await page.screenshot(path=pictures / "graphiql.png")
    assert (pictures / "graphiql.png").read_bytes().startswith(PNG)
