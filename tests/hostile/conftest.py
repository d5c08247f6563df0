"""The garbage collector, as a server process has it."""

import gc
from collections.abc import Iterator

import pytest

from server.collector import tune_collector


@pytest.fixture(scope="package", autouse=True)
def tuned() -> Iterator[None]:
    before = gc.get_threshold()
    tune_collector()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)
