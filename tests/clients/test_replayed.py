"""Examples of docs/clients.md whose programs can't run here: the requests that they send."""

import re
from collections.abc import Iterator
from typing import Any, Final

import httpx
import pytest

from tests.clients.npm import Server, needs, serving
from tests.clients.page import DATA, examples

# The functions that the script calls. The service fails on a status of 400 or more, and so does -f.
_APPS_SCRIPT: Final = """
import { execFileSync } from 'node:child_process'
const agent = 'Mozilla/5.0 (compatible; Google-Apps-Script; beanserver; ' +
  '+https://script.google.com; id: A)'
const PropertiesService = {
  getScriptProperties: () => ({ getProperty: (name) => process.env[name] }),
}
const UrlFetchApp = {
  fetch: (address, { headers }) => {
    const given = Object.entries({ 'User-Agent': agent, ...headers })
    const options = given.flatMap(([name, value]) => ['-H', `${name}: ${value}`])
    const text = execFileSync('curl', ['-sf', '--compressed', ...options, address])
    return { getContentText: () => text.toString() }
  },
}
"""


@pytest.fixture(scope="module")
def server(mongodb_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("replayed"), mongodb_uri, DATA) as server:
        yield server


def _part(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    assert found, pattern
    return found[1]


def _sent(address: str, parameters: dict[str, str], headers: dict[str, str]) -> Any:
    """The JSON that answers a GET request with no other headers than these and `Host`."""
    with httpx.Client() as client:
        request = client.build_request("GET", address, params=parameters)
        request.headers = httpx.Headers({"host": request.headers["host"], **headers})
        response = client.send(request)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    return response.json()


@pytest.mark.parametrize("encoding", [{}, {"Accept-Encoding": "gzip, deflate"}], ids=str)
@pytest.mark.parametrize(
    "accept",
    [{}, {"Accept": "*/*"}, {"Accept": "application/json"}, {"Accept": "text/html, */*;q=0.5"}],
    ids=str,
)
def test_power_query_reads_a_table(
    server: Server, accept: dict[str, str], encoding: dict[str, str]
) -> None:
    (text,) = examples("Excel and Power BI", "powerquery", server.url)
    address = _part(r'Web\.Contents\(\s*"(.+)",', text)
    path = _part(r'RelativePath = "(.+)"', text)
    query = _part(r"Query = \[(.+)\]", text)
    assert 'Headers = [Authorization = "Bearer " & Token]' in text
    assert "Table.FromRecords(Answer[events])" in text
    headers = {
        "Authorization": f"Bearer {server.token}",
        "User-Agent": "Microsoft.Data.Mashup (https://go.microsoft.com/fwlink/?LinkID=304225)",
        "Cache-Control": "no-cache",
        "Connection": "Keep-Alive",
        **accept,
        **encoding,
    }
    parameters = dict(re.findall(r'(\w+) = "(\w+)"', query))
    found = _sent(f"{address}/{path}", parameters, headers)
    assert parameters == {"limit": "500", "active_only": "true"}
    # A table of records has the columns of the first one.
    assert [each.keys() for each in found["events"]] == [found["events"][0].keys()] * 2


@needs()
def test_apps_script_reads_rows(server: Server) -> None:
    (text,) = examples("Google Sheets", "javascript", server.url)
    rows = server.node(f"{_APPS_SCRIPT}\n{text}\nconsole.log(JSON.stringify(EVENTS()))")
    assert sorted(rows) == [["Event 0", 0, 10.5], ["Event 1", 0, 10.5]]


@pytest.mark.parametrize(
    "more", [{}, {"Content-Type": "application/json; charset=utf-8"}], ids=["dio 5", "dio 4"]
)
def test_dio_reads_a_kpi(server: Server, more: dict[str, str]) -> None:
    (text,) = examples("Dart", "dart", server.url)
    address = _part(r"baseUrl: '(.+)'", text)
    path = _part(r"dio\.get\('(.+)'\)", text)
    field = _part(r"response\.data\['(\w+)'\]", text)
    assert "headers: {'Authorization': 'Bearer $token'}" in text
    headers = {
        "Authorization": f"Bearer {server.token}",
        "User-Agent": "Dart/3.9 (dart:io)",
        "Accept-Encoding": "gzip",
        **more,
    }
    assert _sent(address + path, {}, headers)[field] == 21.0
