"""The examples of docs/clients.md whose operations a compiler reads: Relay and graphql-codegen."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.clients.npm import MODULES, Server, needs, node, serving
from tests.clients.page import DATA, apollo, examples, run


@pytest.fixture(scope="module")
def server(mongodb_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("compiled"), mongodb_uri) as server:
        yield server


def _project(folder: Path, server: Server) -> None:
    """A folder with the packages and the schema, as the page's commands download it."""
    (folder / "node_modules").symlink_to(MODULES)
    (command,) = examples("Relay", "sh", server.url)
    subprocess.run(["bash", "-euc", command], cwd=folder, check=True)
    (folder / "src").mkdir()


@needs("relay-compiler", "relay-runtime")
def test_relay_sends_the_ids_of_its_manifest(
    server: Server, tmp_path: Path, mongodb_uri: str
) -> None:
    _project(tmp_path, server)
    (config,) = examples("Relay", "json")
    (module,) = examples("Relay", "js")
    (tmp_path / "package.json").write_text('{ "type": "module" }')
    (tmp_path / "relay.config.json").write_text(config)
    (tmp_path / "manifest.json").write_text("{}")
    (tmp_path / "src" / "orders.js").write_text(module)
    node(MODULES / "relay-compiler" / "cli.js", folder=tmp_path)
    # A plugin of the bundler does this.
    module = re.sub(r"graphql`[^`]*`", "compiled", module)
    compiled = "import compiled from './src/__generated__/ordersQuery.graphql.js'"
    settings = {"HEADCOUNT_DOCUMENTS": "manifest.json", "HEADCOUNT_TRUSTED_DOCUMENTS": "only"}
    with serving(tmp_path, mongodb_uri, DATA, settings) as trusting:
        sent, shown = run(trusting, compiled, module, folder=tmp_path)
    assert shown == [2]
    assert "orderStats" not in sent[0]


_TYPES: Final = """
import type { ResultOf } from '@graphql-typed-document-node/core'
import { Week } from './week'
declare const stats: NonNullable<ResultOf<typeof Week>['dashboardStats']>
export const end: string = stats.windowEnd
export const days: { date: string; count: number }[] = stats.salesByDay
// @ts-expect-error: a time is a text.
export const wrong: Date = stats.windowEnd
"""


@needs("@graphql-codegen/client-preset", "@apollo/client", "typescript")
def test_documents_of_graphql_codegen_have_types_and_ids(
    server: Server, tmp_path: Path, mongodb_uri: str
) -> None:
    _project(tmp_path, server)
    config, operation = examples("graphql-codegen", "ts")
    (tmp_path / "codegen.ts").write_text(config)
    (tmp_path / "src" / "week.ts").write_text(operation)
    node(MODULES / ".bin" / "graphql-codegen", folder=tmp_path)
    (tmp_path / "src" / "types.ts").write_text(_TYPES)
    node(
        MODULES / ".bin" / "tsc", "src/types.ts", "--strict", "--skipLibCheck", "--rootDir", "src",
        "--outDir", "out", "--module", "commonjs", "--moduleResolution", "bundler",
        folder=tmp_path,
    )  # fmt: skip
    (link,) = examples("graphql-codegen", "js")
    imported = """
    import { PersistedQueryLink } from '@apollo/client/link/persisted-queries'
    import { Week } from './out/week.js'
    """
    ask = """
    client.setLink(auth.concat(persisted).concat(http))
    const { data } = await client.query({ query: Week })
    shown.push(data.dashboardStats.totalSales)
    """
    setup = apollo(4).split("const orders")[0]
    settings = {
        "HEADCOUNT_DOCUMENTS": str(tmp_path / "src" / "generated" / "persisted-documents.json"),
        "HEADCOUNT_TRUSTED_DOCUMENTS": "only",
    }
    with serving(tmp_path, mongodb_uri, settings=settings) as trusting:
        sent, shown = run(trusting, imported, setup, link, ask, folder=tmp_path)
    assert shown == [0]
    assert "salesByDay" not in sent[0]
