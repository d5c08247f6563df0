"""The sizes of the test suite: `quick` for every change, `deep` before a release.

`one-moment` is for `tests/rollups/test_one_moment.py` alone, which then takes a quarter of an hour:
add `-o faulthandler_timeout=0`.
"""

import os
from dataclasses import dataclass, replace
from typing import Final

VARIABLE: Final = "HEADCOUNT_TEST_PROFILE"


@dataclass(frozen=True)
class Profile:
    """The numbers of examples and rounds, which decide how long the suite runs."""

    # Hypothesis examples of a test that sets no number itself.
    examples: int
    # Random operations for which compiled execution is compared with graphql-core.
    operations: int
    # Hypothesis examples of `dashboardStats` against its oracle.
    dashboard_examples: int
    # Hypothesis examples of `dashboardStats` with array-free fields, and of its invariants.
    dashboard_variants: int
    # Random collections whose top products are compared.
    product_rankings: int
    # Every so many of the times around changes of clocks is tried.
    clock_change_step: int
    # Hypothesis examples of the oracle of `dashboardStats`, tested without a server.
    oracle_examples: int
    # Hypothesis examples of eight pages of `eventStats`.
    page_examples: int
    # Hypothesis examples of three files, read by four readers.
    file_examples: int
    # Rows of the exports that `headcount export` and a download both write.
    exported_tickets: int
    # Hypothesis examples of rollups. Each waits for the follower.
    rollup_examples: int
    # Answers that are compared while tickets move between promo codes.
    answers_of_one_moment: int
    # The promo codes that tickets move between.
    moving_codes: int
    # Exports that are compared with the documents while these change.
    exports_under_load: int
    # How often a follower is killed under load.
    kills: int
    # How often a follower is frozen under load until its lease ends.
    freezes: int
    # Steps of the differential test, each with writes, a disturbance and comparisons.
    differential_steps: int


QUICK: Final = Profile(
    examples=25,
    operations=150,
    dashboard_examples=25,
    dashboard_variants=10,
    product_rankings=4,
    clock_change_step=7,
    oracle_examples=25,
    page_examples=10,
    file_examples=5,
    exported_tickets=2_000,
    rollup_examples=5,
    answers_of_one_moment=40,
    moving_codes=1_000,
    exports_under_load=5,
    kills=5,
    freezes=1,
    differential_steps=4,
)
DEEP: Final = Profile(
    examples=200,
    operations=1000,
    dashboard_examples=150,
    dashboard_variants=50,
    product_rankings=20,
    clock_change_step=1,
    oracle_examples=100,
    page_examples=30,
    file_examples=60,
    exported_tickets=30_000,
    rollup_examples=40,
    answers_of_one_moment=1_000,
    moving_codes=1_000,
    exports_under_load=100,
    kills=100,
    freezes=5,
    differential_steps=50,
)
ONE_MOMENT: Final = replace(DEEP, answers_of_one_moment=10_000, moving_codes=10_000)
_PROFILES: Final = {"quick": QUICK, "deep": DEEP, "one-moment": ONE_MOMENT}


def _chosen() -> Profile:
    """The profile that `HEADCOUNT_TEST_PROFILE` names; `quick` by default."""
    name = os.environ.get(VARIABLE, "quick")
    if name not in _PROFILES:
        raise ValueError(f"{VARIABLE} must be one of {', '.join(_PROFILES)}, not {name!r}")
    return _PROFILES[name]


PROFILE: Final = _chosen()
