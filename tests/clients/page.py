"""The examples of docs/clients.md, by their headings, and a page that runs some of them."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from tests.clients.npm import CONSOLE, Server
from tests.conftest import Dataset
from tests.strategies import oid

PAGE: Final = (Path(__file__).parents[2] / "docs" / "clients.md").read_text()
_BLOCK: Final = re.compile(r"^#+ (.+?)$|^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SERVER: Final = re.compile(r"http://127\.0\.0\.1:8000|https://headcount\.example\.com")
# Stands in for a browser, and records what is sent and printed.
_BROWSER: Final = """
const sent = []
const shown = []
const real = globalThis.fetch
globalThis.fetch = async (input, init) => {
  const given = init?.body ?? [...new URL(input).searchParams.values()].join()
  sent.push(given)
  return real(input, init)
}
globalThis.sessionStorage = { getItem: () => process.env.TOKEN }
globalThis.location = { assign: (address) => shown.push(address) }
console.log = (...values) => shown.push(...values)
"""
_END: Final = """
process.stdout.write(JSON.stringify({ sent, shown }), () => process.exit(0))
"""
# Apollo Client 3 has no ES modules that Node.js can import.
_REQUIRE: Final = """
import { createRequire } from 'node:module'
const require = createRequire(import.meta.url)
"""
DATA: Final[Dataset] = {
    "events": [
        {
            "_id": oid(n),
            "title": f"Event {n}",
            "event_type": "concert",
            "is_active": True,
            # With and without milliseconds.
            "event_date": datetime(2026, 4, 15, 19, 0, 0, 250_000 * n, tzinfo=UTC),
        }
        for n in range(2)
    ],
    "ticket_orders": [
        {"event_id": oid(n), "amount_cents": 1050, "payment_status": "CONFIRMED"} for n in range(2)
    ],
}


def examples(heading: str, language: str, url: str = "") -> list[str]:
    """The examples under a heading, with the address of a server in place of the page's."""
    found: list[str] = []
    section = ""
    for match in _BLOCK.finditer(PAGE):
        section = match[1] or section
        if section == heading and match[2] == language:
            found.append(
                re.sub(r"http://127.0.0.1:8000|https://headcount.example.com", url, match[3])
            )
    assert found, (heading, language)
    return found


def run(server: Server, *modules: str, folder: Path = CONSOLE) -> tuple[list[str], list[Any]]:
    """(the bodies or queries that were sent, what was printed) by examples on one page."""
    (names,) = examples("JavaScript", "js", server.url)
    found = server.node("\n".join([_BROWSER, names, *modules, _END]), folder)
    return found["sent"], found["shown"]


def apollo(version: int, *headings: str) -> str:
    """The set-up of the page and the first operation, then the examples under the headings."""
    setup, query = examples("Apollo Client", "js")
    modules = [setup, query, *(each for heading in headings for each in examples(heading, "js"))]
    module = "\n".join(modules)
    if version == 4:
        return module
    (context,) = examples("Apollo Client 3", "js")
    module = re.sub(r"import \{ SetContextLink.*\n|const auth = (.|\n)*?\n\}\)\)\n", "", module)
    module = module.replace("const http =", f"{context}\nconst http =", 1)
    module = module.replace("new PersistedQueryLink", "createPersistedQueryLink")
    module = module.replace("PersistedQueryLink }", "createPersistedQueryLink }")
    module = re.sub(r"import (.*) from '@apollo/client", r"const \1 = from '@apollo/client", module)
    module = re.sub(r"from '@apollo/client(.*)'", r"require('apollo-client-3\1')", module)
    return _REQUIRE + module.replace("'apollo-client-3'", "'apollo-client-3/core'")
