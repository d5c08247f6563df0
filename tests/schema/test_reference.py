"""The generated reference: docs/kpis.md has a line for each field of the SDL."""

from pathlib import Path

import pytest
from graphql import GraphQLInputObjectType, GraphQLObjectType

import schema
from schema.__main__ import generated
from schema.reference import with_tables
from tests.operations import SCHEMA

PAGE = (Path(__file__).parents[2] / "docs" / "kpis.md").read_text()


def test_the_committed_generated_files_are_up_to_date() -> None:
    assert [file for file, text in generated().items() if file.read_text() != text] == []


@pytest.mark.parametrize(
    "kind",
    [
        kind
        for name, kind in SCHEMA.type_map.items()
        if isinstance(kind, GraphQLObjectType | GraphQLInputObjectType) and name[:2] != "__"
    ],
    ids=str,
)
def test_every_field_has_a_line(kind: GraphQLObjectType | GraphQLInputObjectType) -> None:
    table = PAGE.split(f"<!-- fields: {kind.name} -->")[1].split("<!-- end -->")[0]
    for name, field in kind.fields.items():
        assert f"| `{name}` | `{field.type}`" in table


def test_a_type_without_a_place_on_the_page_is_an_error() -> None:
    page = PAGE.replace("<!-- fields: OrderStats -->", "")
    with pytest.raises(LookupError, match="OrderStats"):
        with_tables(page, schema.build()._schema)
