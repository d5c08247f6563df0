"""The short form of the soak: `make soak` runs for ten minutes."""

from pathlib import Path
from typing import Final

from tests.soak.run import soak

_SECONDS: Final = 20
_SEED: Final = 18


def test_nothing_is_wrong_or_left_after_load_and_faults(tmp_path: Path) -> None:
    outcome = soak(tmp_path, _SECONDS, _SEED)
    assert not outcome.found.wrong, "\n".join(outcome.found.wrong[:20])
    assert not outcome.errors, "\n".join(outcome.errors[:20])
    assert not outcome.after.exceeds(outcome.before), outcome
    # All clients were there.
    assert {client for client, _ in outcome.found.outcomes} >= {
        "fair", "/healthz", "dashboard", "hostile", "burst", "bad token", "connection",
    }  # fmt: skip
