"""`python -m resolvers.kpi OrderStats.confirmed_revenue`: prints the pipelines of a KPI."""

import re
import sys
from difflib import get_close_matches

from bson import json_util

from cubes.registry import DEFAULT_CATALOG
from resolvers.families import FAMILIES
from resolvers.kpi.declarations import kpis_of


def main(name: str) -> str:
    """For each slice of a KPI: the collection, and its live pipeline in extended JSON.

    The pipeline is that of all documents: of no window, and of no events' page. Raises
    `LookupError` if there is no such KPI.
    """
    found = {f"{each.__name__}.{kpi.name}": kpi for each in FAMILIES for kpi in kpis_of(each)}
    known = ", ".join(sorted(found))
    if not name:
        raise LookupError(f"Usage: python -m resolvers.kpi KPI\n\nKPI is one of {known}.")
    if name not in found:
        in_python = _snake_case(name)
        close = [in_python] if in_python in found else get_close_matches(in_python, found)
        hint = f"did you mean {' or '.join(close)}?" if close else f"there are {known}."
        raise LookupError(f"There is no KPI {name}; {hint}")
    lines = []
    for one in found[name].slices:
        bound = one.bound_to(DEFAULT_CATALOG.bound(one.cube))
        pipeline = json_util.dumps(bound.pipeline(), indent=1)
        lines.append(f"{one.source.Settings.name}: {pipeline}")
    return "\n".join(lines)


def _snake_case(name: str) -> str:
    """The name with its KPI as in Python, which may be given as in GraphQL."""
    family, _, kpi = name.partition(".")
    return f"{family}." + re.sub("([A-Z])", r"_\1", kpi).lower()


if __name__ == "__main__":
    try:
        print(main(" ".join(sys.argv[1:])))
    except LookupError as error:
        sys.exit(error.args[0])
