"""`python -m resolvers.kpi`: prints the pipelines of a KPI, or what its name may be."""

import pytest

from resolvers.kpi.__main__ import main


def test_the_pipeline_of_a_kpi_is_printed() -> None:
    assert main("OrderStats.confirmed_revenue").startswith("ticket_orders: [")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "^Usage: python -m resolvers.kpi KPI\n\nKPI is one of DashboardStats.abandon"),
        ("OrderStats.confirmedRevenue", r"did you mean OrderStats\.confirmed_revenue\?$"),
        ("OrderStats.confirmed_revenu", r"did you mean OrderStats\.confirmed_revenue or "),
        ("x", "^There is no KPI x; there are DashboardStats.abandonment_rate, "),
    ],
)
def test_an_unknown_name_is_reported_with_known_ones(name: str, message: str) -> None:
    with pytest.raises(LookupError, match=message):
        main(name)
