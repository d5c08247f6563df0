"""The short form of the differential test (CONTRIBUTING.md)."""

from typing import Final

from tests.differential.run import LEAST_ROLLUP, Options, run
from tests.profiles import PROFILE

_SEED: Final = 17
_SCRIPT: Final = ("kill", "restore", "step-down", "out", "build", "indexes", "rename")
"""Quick disturbances; `make differential` has all."""


def test_answers_equal_the_oracle_under_disturbances() -> None:
    outcome = run(
        Options(seed=_SEED, script=_SCRIPT), lambda step: step < PROFILE.differential_steps
    )
    assert not outcome.differences, "\n\n".join(outcome.differences)
    assert outcome.rollup_share >= LEAST_ROLLUP
