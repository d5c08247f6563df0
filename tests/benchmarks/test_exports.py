"""Exports are timed against openpyxl and a bare cursor."""

from tests.benchmarks.commands import run


def test_exports_of_little_data_are_timed(quick_uri: str) -> None:
    said = run("exports", "--quick", "--uri", quick_uri)
    for format in ("xlsx", "csv", "json"):
        assert f"- {format}: " in said
    # On little data the verdicts say nothing but that there are so many.
    assert said.count("met") == 2 * 3 + 3
