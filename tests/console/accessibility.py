"""Accessibility checks of a page by axe."""

from typing import Any

from playwright.async_api import Page

from tests.console.api import CONSOLE

_AXE = CONSOLE / "node_modules" / "axe-core" / "axe.min.js"
_SERIOUS = {"serious", "critical"}


async def violations(page: Page, within: str = "body") -> list[str]:
    """Serious and critical violations, each as `rule: HTML of the element`."""
    await page.evaluate(_AXE.read_text())
    found: Any = await page.evaluate("where => axe.run(where)", within)
    return [
        f"{each['id']}: {node['html'][:200]}"
        for each in found["violations"]
        if each["impact"] in _SERIOUS
        for node in each["nodes"]
    ]
