"""Fields that are not selected or not allowed send no commands."""

from auth.viewer import Permission, Role, Viewer
from tests.conftest import Ask, Sent


async def test_a_denied_field_sends_no_commands(ask: Ask, sent: Sent) -> None:
    result = await ask(
        "{ metrics { totalCustomers totalProducts totalStaff } orderStats { totalOrders } }",
        Viewer(Role.CUSTOMER),
    )
    assert len(result.errors or ()) == 4
    assert sent.commands == []


async def test_only_allowed_fields_are_computed(ask: Ask, sent: Sent) -> None:
    staff = Viewer(Role.STAFF, (Permission.MANAGE_INVENTORY,))
    await ask("{ metrics { totalCustomers totalProducts totalStaff } }", staff)
    assert sent.commands == [("aggregate", "products")]


async def test_typename_alone_sends_no_commands(ask: Ask, sent: Sent) -> None:
    result = await ask("{ __typename orderStats { __typename } metrics { __typename } }")
    assert result.data == {
        "__typename": "Query",
        "orderStats": {"__typename": "OrderStats"},
        "metrics": {"__typename": "Metrics"},
    }
    assert sent.commands == []


async def test_a_field_under_two_aliases_and_a_fragment_is_computed_once(
    ask: Ask, sent: Sent
) -> None:
    result = await ask(
        "{ orderStats { a: totalOrders b: totalOrders ...F ... on OrderStats { totalRevenue } } }"
        " fragment F on OrderStats { c: totalOrders }"
    )
    assert result.data is not None
    stats = result.data["orderStats"]
    assert stats["a"] == stats["b"] == stats["c"]
    assert sent.commands == [("aggregate", "ticket_orders")]
