"""Apollo Client: panels that select different fields of the same stats share its cache."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from graphql import GraphQLObjectType, get_nullable_type

from tests.clients.npm import Server, needs, serving
from tests.conftest import Dataset
from tests.operations import SCHEMA
from tests.strategies import oid

pytestmark = needs("@apollo/client", "rxjs")

_PAGE: Final = (Path(__file__).parents[2] / "docs" / "schema.md").read_text()
_BARE: Final = """
import { InMemoryCache } from '@apollo/client'
export const cache = new InMemoryCache()
"""
# Watches an operation for each panel, until nothing more is requested, or too much.
_PANELS: Final = """
import { ApolloClient, gql, HttpLink } from '@apollo/client'

const { URL, TOKEN, PANELS, LEAST } = process.env
const panels = JSON.parse(PANELS)
let requests = 0
let pending = 0
const counted = async (...given) => {
  requests++
  pending++
  const response = await fetch(...given)
  const body = await response.text()
  pending--
  return new Response(body, response)
}
const headers = { authorization: `Bearer ${TOKEN}` }
const client = new ApolloClient({
  cache,
  link: new HttpLink({ uri: URL, fetch: counted, headers }),
})
const shown = panels.map(() => null)
panels.forEach((panel, index) =>
  client.watchQuery({ query: gql(panel) }).subscribe(({ data, dataState, error }) => {
    if (error) throw error
    if (dataState === 'complete') shown[index] = data
  }),
)
for (let quiet = 0; quiet < 30 && requests < 10; quiet++) {
  if (pending || shown.includes(null) || requests < JSON.parse(LEAST)) quiet = 0
  await new Promise((resolve) => setTimeout(resolve, 10))
}
console.log(JSON.stringify({ requests, shown }))
process.exit(0)
"""


def _documented() -> str:
    (found,) = re.findall(r"^```js\n(.*?)^```$", _PAGE, re.MULTILINE | re.DOTALL)
    assert "export const cache = new InMemoryCache(" in found
    return str(found)


@pytest.fixture(scope="module")
def server(mongodb_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    data: Dataset = {
        "events": [{"_id": oid(n), "title": f"Event {n}"} for n in range(3)],
        "promo_codes": [{"_id": oid(9), "code": "A"}],
        "tickets": [{"event_id": oid(1), "promo_code_id": oid(9)} for _ in range(2)],
    }
    with serving(tmp_path_factory.mktemp("apollo"), mongodb_uri, data) as server:
        yield server


def _panels(server: Server, cache: str, *panels: str, least: int = 0) -> tuple[int, list[Any]]:
    """(requests, the data that each panel shows at last) of panels on one page."""
    found = server.node(cache + _PANELS, PANELS=panels, LEAST=least)
    return found["requests"], found["shown"]


SAME_STATS: Final = [
    ("{ dashboardStats { ID windowEnd totalSales } }", "{ dashboardStats { ID windowEnd mode } }"),
    ("{ eventsOverview { ID totalEvents } }", "{ eventsOverview { ID totalOrders } }"),
    ("{ orderStats { ID totalOrders } }", "{ orderStats { ID byStatus { key count } } }"),
    ("{ promoCodeStats { ID totalPromoCodes } }", "{ promoCodeStats { ID activePromoCodes } }"),
    ("{ metrics { ID totalStaff } }", "{ metrics { ID totalProducts } }"),
]


@pytest.mark.parametrize(
    "panels",
    [
        *SAME_STATS,
        (
            "{ dashboardStats { ID windowEnd totalSales } }",
            '{ dashboardStats(mode: TOTAL, timezone: "UTC") { ID windowEnd totalRevenue } }',
        ),
        ("{ eventStats { events { ID title } } }", "{ eventStats { events { ID revenue } } }"),
        (
            "{ eventStats(limit: 2) { events { ID title } } }",
            f'{{ event(id: "{oid(1)}") {{ ID ticketsIssued }} }}',
        ),
        (
            "{ promoCodeStats { ID topCodes { ID code } } }",
            "{ promoCodeStats { ID topCodes { ID ticketsGenerated } } }",
        ),
    ],
    ids=str,
)
def test_panels_that_select_the_id_ask_once_each(server: Server, panels: tuple[str, str]) -> None:
    requests, _ = _panels(server, _BARE, *(each.replace("ID", "id") for each in panels))
    assert requests == 2


@pytest.mark.parametrize(
    "panels",
    [
        *SAME_STATS,
        (
            "{ dashboardStats { windowEnd eventCounts { purchase } } }",
            "{ dashboardStats { windowEnd eventCounts { productView } sessionStats {"
            " uniqueSessions } } }",
        ),
        ("{ eventStats { total } }", "{ eventStats { events { title } } }"),
        ("{ viewer { role } }", "{ viewer { subject } }"),
    ],
    ids=str,
)
def test_with_the_documented_policies_panels_without_an_id_ask_once_each(
    server: Server, panels: tuple[str, str]
) -> None:
    requests, _ = _panels(server, _documented(), *(each.replace("ID", "") for each in panels))
    assert requests == 2


@pytest.mark.parametrize("panels", SAME_STATS, ids=str)
def test_without_ids_and_policies_panels_overwrite_each_other(
    server: Server, panels: tuple[str, str]
) -> None:
    # What the docs warn of, and what the tests above would notice.
    requests, _ = _panels(server, _BARE, *(each.replace("ID", "") for each in panels), least=3)
    assert requests > 2


@pytest.mark.parametrize("cache", [_BARE, _documented()], ids=["bare", "documented"])
def test_stats_of_other_arguments_stay_apart(server: Server, cache: str) -> None:
    requests, shown = _panels(
        server,
        cache,
        "{ dashboardStats { id mode } }",
        "{ dashboardStats(mode: UNIQUE) { id mode } }",
    )
    assert requests == 2
    assert [each["dashboardStats"]["mode"] for each in shown] == ["TOTAL", "UNIQUE"]


def test_the_documented_policies_name_each_type_of_a_single_object() -> None:
    single = {
        str(kind)
        for parent in SCHEMA.type_map.values()
        if isinstance(parent, GraphQLObjectType) and not parent.name.startswith("__")
        for field in parent.fields.values()
        if isinstance(kind := get_nullable_type(field.type), GraphQLObjectType)
    }
    # A link is not cached.
    assert {*re.findall(r"(\w+): merge", _documented())} == single - {"ExportLink"}
