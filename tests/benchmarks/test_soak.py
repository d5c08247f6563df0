"""The soak test of memory runs, and its operations are distinct."""

import pytest

from benchmarks.soak import operation, summary
from tests.benchmarks.commands import run


def test_a_short_soak_sends_valid_operations(quick_uri: str) -> None:
    assert run("soak", "--texts", "40", "--uri", quick_uri).startswith(
        "- 40 different operations: "
    )


def test_the_operations_of_the_soak_are_distinct() -> None:
    assert len({operation(number) for number in range(1000)}) == 1000


@pytest.mark.parametrize(("last", "verdict"), [(104.0, "met"), (104.1, "**not met**")])
def test_memory_may_grow_until_the_second_quarter(last: float, verdict: str) -> None:
    output = summary(8, [80.0, 90.0, 100.0, 100.0, 103.0, 103.0, last, last])
    assert output.endswith(f": {verdict}")
