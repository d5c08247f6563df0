"""What axe finds wrong with a page for people who don't see it, or use no mouse."""

from typing import Any

from playwright.async_api import Page

from tests.console.asking import CONSOLE

_AXE = CONSOLE / "node_modules" / "axe-core" / "axe.min.js"
_SERIOUS = {"serious", "critical"}


async def violations(page: Page, within: str = "body") -> list[str]:
    """Serious and critical violations, each as its rule and where it is broken."""
    await page.evaluate(_AXE.read_text())
    found: Any = await page.evaluate("where => axe.run(where)", within)
    return [
        f"{each['id']}: {node['html'][:200]}"
        for each in found["violations"]
        if each["impact"] in _SERIOUS
        for node in each["nodes"]
    ]
