"""A typed client that openapi-typescript generates from the server's OpenAPI document."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest

from tests.clients.npm import MODULES, Server, needs, node, serving
from tests.conftest import Dataset
from tests.strategies import oid

_ORDERS: Final = "/api/v1/admin/events-dashboard/orders"
_EVENTS: Final = "/api/v1/admin/events-dashboard/events"
_DATA: Final[Dataset] = {
    "events": [{"_id": oid(1), "title": "Festival", "capacity": 10}],
    "ticket_orders": [
        {"event_id": oid(1), "payment_status": "CONFIRMED", "amount_cents": 1250, "ticket_count": 2}
    ],
}
_PROGRAM: Final = f"""
import createClient from 'openapi-fetch'
import type {{ paths }} from './paths'

declare const process: {{ env: Record<'URL' | 'TOKEN' | 'EVENT', string> }}
const {{ URL: url, TOKEN, EVENT }} = process.env
const client = createClient<paths>({{
  baseUrl: new URL('/', url).href,
  headers: {{ authorization: `Bearer ${{TOKEN}}` }},
}})
const orders = await client.GET('{_ORDERS}')
const event = await client.GET('{_EVENTS}/{{event_id}}', {{
  params: {{ path: {{ event_id: JSON.parse(EVENT) }} }},
}})
const refused = await client.GET('{_EVENTS}', {{ params: {{ query: {{ limit: 0 }} }} }})
if (!orders.data || !event.data || !refused.error) throw new Error('An answer is missing.')
const revenue: number = orders.data.total_revenue
const paid: {{ count: number }} | undefined = orders.data.by_status.CONFIRMED
const {{ title, event_date: date }}: {{ title: string; event_date: string | null }} = event.data
const argument: string | undefined = refused.error.errors[0]?.extensions.argument
console.log(JSON.stringify({{ revenue, paid: paid?.count, title, date, argument }}))

// @ts-expect-error: names are in snake_case.
export const name = orders.data.totalRevenue
// @ts-expect-error: an event may have no date.
export const always: string = event.data.event_date
// @ts-expect-error: a limit is a number.
export const all = () => client.GET('{_EVENTS}', {{ params: {{ query: {{ limit: 'all' }} }} }})
// @ts-expect-error: the id is missing.
export const any = () => client.GET('{_EVENTS}/{{event_id}}')
"""
_COMPILER: Final = {
    "target": "es2022",
    "module": "esnext",
    "moduleResolution": "bundler",
    "strict": True,
    "noUncheckedIndexedAccess": True,
    "noEmitOnError": True,
    "types": [],
}

pytestmark = needs("openapi-typescript", "openapi-fetch", "typescript")


@pytest.fixture(scope="module")
def server(mongodb_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("typed"), mongodb_uri, _DATA) as server:
        yield server


def test_a_generated_client_compiles_and_reads_the_answers(server: Server, tmp_path: Path) -> None:
    root = server.url
    (tmp_path / "node_modules").symlink_to(MODULES)
    (tmp_path / "package.json").write_text('{ "type": "module" }')
    (tmp_path / "openapi.json").write_text(httpx.get(f"{root}/openapi.json").text)
    generator = MODULES / "openapi-typescript" / "bin" / "cli.js"
    node(generator, "openapi.json", "--output", "paths.d.ts", folder=tmp_path)
    (tmp_path / "program.ts").write_text(_PROGRAM)
    (tmp_path / "tsconfig.json").write_text(json.dumps({"compilerOptions": _COMPILER}))
    node(MODULES / "typescript" / "bin" / "tsc", folder=tmp_path)
    shown = server.node((tmp_path / "program.js").read_text(), tmp_path, EVENT=str(oid(1)))
    bearer = {"authorization": f"Bearer {server.token}"}
    orders = httpx.get(root + _ORDERS, headers=bearer).json()
    assert orders["total_revenue"] == 12.5
    assert shown == {
        "revenue": orders["total_revenue"],
        "paid": orders["by_status"]["CONFIRMED"]["count"],
        "title": "Festival",
        "date": None,
        "argument": "limit",
    }
