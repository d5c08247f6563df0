"""`python -m tests.differential`: runs the differential test for some minutes."""

import argparse
import signal
import sys
import time
from random import SystemRandom

from tests.differential.disturbances import DISTURBANCES
from tests.differential.documents import VALUES
from tests.differential.run import LEAST_ROLLUP, Options, run


def _names(text: str) -> frozenset[str]:
    names = frozenset(filter(None, text.split(",")))
    if unknown := names - {*DISTURBANCES, *VALUES}:
        valid = ", ".join([*DISTURBANCES, *VALUES])
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; valid are {valid}")
    return names


def main() -> int:
    """Returns 1 if an answer differed, or too few were of cells."""
    done = {name: f"{each.run.__doc__}".split("\n")[0] for name, each in DISTURBANCES.items()}
    valid = {**done, **VALUES}
    parser = argparse.ArgumentParser(
        prog="python -m tests.differential",
        description="Compares servers under disturbances with an independent oracle.",
        epilog="NAMES, separated by commas:\n"
        + "\n".join(f"  {name:18} {of}" for name, of in valid.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--minutes", type=float, default=120, help="how long to run (default 120)")
    parser.add_argument("--seed", type=int, help="decides everything; random by default")
    parser.add_argument(
        "--without", type=_names, default=frozenset(), metavar="NAMES", help="leave these out"
    )
    parser.add_argument(
        "--only", type=_names, default=frozenset(), metavar="NAMES", help="only these disturbances"
    )
    parser.add_argument("--going-on", action="store_true", help="go on after a difference")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    deadline = time.monotonic() + 60 * given.minutes
    options = Options(
        seed=SystemRandom().randrange(10**6) if given.seed is None else given.seed,
        without=given.without,
        only=given.only,
        going_on=given.going_on,
    )
    outcome = run(options, lambda _: time.monotonic() < deadline)
    if not outcome.differences and outcome.rollup_share < LEAST_ROLLUP:
        sys.stdout.write(f"Too few reads were of cells: {outcome.rollup_share:.0%}.\n")
        return 1
    return 1 if outcome.differences else 0


if __name__ == "__main__":
    sys.exit(main())
