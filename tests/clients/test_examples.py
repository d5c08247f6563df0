"""Each example of docs/clients.md, with the client that it is for."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import pytest
from graphql import GraphQLObjectType

from tests.clients.npm import Server, needs, serving
from tests.clients.page import DATA, apollo, examples, run
from tests.commands import PATIENCE
from tests.conftest import token
from tests.operations import SCHEMA


@pytest.fixture(scope="module")
def server(mongodb_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("examples"), mongodb_uri, DATA) as server:
        yield server


@pytest.fixture(params=[4, 3], ids=["Apollo Client 4", "Apollo Client 3"])
def version(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@needs("@apollo/client", "apollo-client-3")
def test_apollo_client_reads_a_kpi(server: Server, version: int) -> None:
    assert run(server, apollo(version))[1] == [21]


@needs("@apollo/client", "apollo-client-3")
def test_apollo_client_asks_for_each_link(server: Server, version: int) -> None:
    links = examples("Links to files", "js")[0]
    again = links.replace("const file", "const other").replace("file.data", "other.data")
    sent, shown = run(server, apollo(version), links, again)
    assert (len(sent), len(shown)) == (3, 3)
    assert all("/export?" in each for each in shown[1:])
    # What the page warns of.
    cached = again.replace("  fetchPolicy: 'network-only',\n", "")
    sent, shown = run(server, apollo(version), links, cached)
    assert (len(sent), shown[1]) == (2, shown[2])


@needs("@apollo/client", "apollo-client-3")
def test_apollo_client_sends_hashes(server: Server, version: int) -> None:
    query = f"const hashed = gql`query Hashed{version} {{ viewer {{ role }} }}`\n"
    twice = "await client.query({ query: hashed, fetchPolicy: 'network-only' })\n" * 2
    sent, _ = run(server, apollo(version, "Persisted queries"), query, twice)
    assert ["query Hashed" in each for each in sent[1:]] == [False, True, False]
    assert all("sha256Hash" in each for each in sent[1:])


@needs("@apollo/client", "apollo-client-3")
def test_apollo_client_shows_the_fields_that_the_caller_may_read(
    server: Server, version: int
) -> None:
    staff = replace(server, token=token(role="staff", permissions=["view_customers"]))
    ask = """
    const query = gql`{ metrics { id totalCustomers totalStaff } }`
    for (const errorPolicy of ['none', 'all']) {
      const given = { query, errorPolicy, fetchPolicy: 'network-only' }
      const found = await client.query(given).catch((error) => ({ error }))
      shown.push(found.data?.metrics ?? null)
    }
    """
    setup = apollo(version).split("const orders")[0]
    _, (none, both) = run(staff, setup, ask)
    assert none is None
    assert (both["totalCustomers"], both["totalStaff"]) == (0, None)


@needs("@urql/core")
def test_urql_reads_a_kpi(server: Server) -> None:
    assert run(server, examples("urql", "js")[0])[1] == [2]


_VIEWER: Final = """
for (let n = 0; n < 2; n++) {
  const options = { requestPolicy: 'network-only' }
  const { data, error } = await client.query('query Urql { viewer { role } }', {}, options)
  if (error) throw error
  shown.push(data.viewer.role)
}
"""


@needs("@urql/core", "@urql/exchange-persisted")
def test_urql_sends_hashes(server: Server) -> None:
    sent, shown = run(server, examples("urql", "js")[1], _VIEWER)
    assert shown == ["ADMIN", "ADMIN"]
    assert ["query Urql" in each for each in sent] == [False, True, False]


_PANELS: Final = """
console.warn = console.error = (...values) => shown.push(...values)
const ask = async (fields, options) => {
  const text = `{ dashboardStats { id ${fields} } }`
  const { data, error } = await client.query(text, {}, options)
  if (error) throw error
  return data.dashboardStats
}
await ask('totalSales eventCounts { purchase } salesByDay { date count }')
await ask('mode eventCounts { productView }')
const options = { requestPolicy: 'cache-only' }
const both = await ask('mode totalSales eventCounts { purchase productView }', options)
shown.push(both.mode, both.totalSales, both.eventCounts)
"""


@needs("@urql/core", "@urql/exchange-graphcache")
def test_graphcache_merges_what_panels_select(server: Server) -> None:
    client, _, keys = examples("urql", "js")
    client = re.sub(r"const \{ data(.|\n)*", "", client).replace("cacheExchange, ", "")
    client = client.replace("[fetchExchange]", "[cache, fetchExchange]")
    sent, shown = run(server, keys, client, _PANELS)
    assert len(sent) == 2
    assert shown == ["TOTAL", 0, {"purchase": 0, "productView": 0}]


def test_the_page_names_each_type_without_an_id() -> None:
    (keys,) = examples("urql", "js")[2:]
    embedded = {
        kind.name
        for kind in SCHEMA.type_map.values()
        if isinstance(kind, GraphQLObjectType)
        and kind not in (SCHEMA.query_type, SCHEMA.mutation_type)
        and not kind.name.startswith("__")
        and "id" not in kind.fields
    }
    assert {*re.findall(r"^  '(\w+)',$", keys, re.MULTILINE)} == embedded


@needs("graphql-request")
def test_graphql_request_reads_a_kpi(server: Server) -> None:
    assert run(server, examples("graphql-request", "js")[0])[1] == [21]


@pytest.mark.parametrize(
    ("heading", "number", "expected"),
    [
        ("gql", 0, r"21\.0\n"),
        ("pandas", 0, r"(?s).*Event 1 2026-04-15 19:00:00\.250\+00:00 +0 +10\.5.*"),
        ("pandas", 1, r" +purchase\ndate +\n(\d{4}-\d\d-\d\d +0\n){8}"),
    ],
)
def test_python_reads_a_kpi(server: Server, heading: str, number: int, expected: str) -> None:
    script = examples(heading, "python", server.url)[number]
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        env={**os.environ, "TOKEN": server.token},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert result.returncode == 0, result.stderr
    assert re.fullmatch(expected, result.stdout), result.stdout
