"""`python -m tests.soak`: runs a soak for some minutes, and prints what it found."""

import argparse
import sys
import tempfile
from pathlib import Path
from random import SystemRandom

from tests.soak.run import FAIR_MS, GROWTH_MB, HEALTH_MS, Outcome, soak


def report(outcome: Outcome) -> list[str]:
    """What a soak found, as lines."""
    found, memory = outcome.found, outcome.memory_mb
    p99 = ", ".join(f"{name} {found.p99(name):.0f} ms" for name in sorted(found.milliseconds))
    outcomes = sorted(found.outcomes.items())
    return [
        *(f"{number:7,} {client}: {what}" for (client, what), number in outcomes),
        f"p99 while no fault disturbs: {p99}",
        f"memory: {memory[0]:.0f} MB at first, {memory[-1]:.0f} MB at last; "
        f"{outcome.growth_mb:+.1f} MB from the second quarter to the last",
        f"before {outcome.before}",
        f"after  {outcome.after}",
    ]


def failures(outcome: Outcome) -> list[str]:
    """What must not be."""
    found = outcome.found
    failed = [*found.wrong, *outcome.errors]
    for name, most in (("fair", FAIR_MS), ("/healthz", HEALTH_MS), ("/readyz", HEALTH_MS)):
        if found.p99(name) > most:
            failed.append(f"p99 of {name}: {found.p99(name):.0f} ms, at most {most} ms")
    if outcome.after.exceeds(outcome.before):
        failed.append(f"left: {outcome.after}, before: {outcome.before}")
    if outcome.growth_mb > GROWTH_MB:
        failed.append(f"memory grew by {outcome.growth_mb:.1f} MB, at most {GROWTH_MB} MB")
    return failed


def main() -> int:
    """Returns 1 if something was not as it must be."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.soak",
        description="A server under mixed load, hostile requests and faults of MongoDB.",
    )
    parser.add_argument("--minutes", type=float, default=10, help="how long to run (default 10)")
    parser.add_argument("--seed", type=int, help="decides the load; random by default")
    given = parser.parse_args()
    chosen = SystemRandom().randrange(10**6) if given.seed is None else given.seed
    with tempfile.TemporaryDirectory(prefix="headcount-soak-") as folder:
        outcome = soak(Path(folder), 60 * given.minutes, chosen)
    failed = failures(outcome)
    lines = [f"seed {chosen}", *report(outcome), *(f"FAILED: {each}" for each in failed[:50])]
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
