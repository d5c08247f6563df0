"""Hostile operations: each takes much more time than it takes to send, without bounds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final

LINE: Final = "a\n "
_NAME: Final = "x" * 98
_VALUE: Final = 900_000
"""The characters of a long text; a body may have a million bytes."""


@dataclass(frozen=True)
class Hostile:
    """An operation, and a part of the error that refuses it; None if it is answered."""

    query: str
    refused: str | None
    variables: Mapping[str, Any] = field(default_factory=dict)

    def body(self, comment: str) -> dict[str, Any]:
        """The body of a request; the comment makes it another text."""
        return {"query": f"{self.query} #{comment}", "variables": self.variables}


def _each(text: str, number: int) -> str:
    """The text `number` times, with 0, 1, … in place of `{}`."""
    return " ".join(text.replace("{}", str(each)) for each in range(number))


def _spreading(fragments: int, fields: int) -> str:
    """Fragments that spread each other, each with the same fields."""
    chain = " ".join(
        f"fragment f{number} on Query {{ {'viewer { role } ' * fields}"
        f"{f'...f{number + 1}' if number < fragments - 1 else ''} }}"
        for number in range(fragments)
    )
    return f"{{ ...f0 }} {chain}"


_METRICS: Final = "totalCustomers totalStaff totalAdmins totalProducts totalStockQuantity"
_ALL_METRICS: Final = (
    "metrics { totalCustomers activeCustomers inactiveCustomers customersEmailVerified "
    "customersPhoneVerified totalStaff totalAdmins activeStaff activeAdmins inactiveStaff "
    "inactiveAdmins staffEmailVerified adminsEmailVerified staffPhoneVerified "
    "adminsPhoneVerified totalProducts totalProductsWithInventory totalProductsWithPricing "
    "totalStockQuantity totalReservedQuantity totalAvailableQuantity productsInStock "
    "productsLowStock productsOutOfStock totalInventoryRevenue reservedInventoryRevenue "
    "availableInventoryRevenue }"
)
_LINES: Final = "\n" * 90_000
_REPORT: Final = 'report: TICKET_REPORT, format: CSV, eventId: $v, mobileAppId: "x"'
_TYPE: Final = "{ kind name fields { name args { name type { name } } type { name } } }"

HOSTILE: Final[Mapping[str, Hostile]] = {
    # Introspection.
    "introspection, 22 times": Hostile(
        f"{{ {_each('a{}: __schema { types ' + _TYPE + ' }', 22)} }}", "introspection returns more"
    ),
    "introspection by fragments": Hostile(
        f"{{ {_each('a{}: __schema { types { ...t } }', 25)} }} fragment t on __Type {_TYPE}",
        "introspection returns more",
    ),
    "types of types": Hostile(
        "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }",
        None,
    ),
    # Validation.
    "fields to merge": Hostile(f"{{ {'viewer { role } ' * 390} }}", None),
    "fields to merge, 20 fragments": Hostile(_spreading(20, 21), None),
    "fields to merge, 4 fragments": Hostile(_spreading(4, 120), None),
    "as many fields as fit": Hostile(f"{{ {'__typename ' * 1_990} }}", None),
    "operations that spread fragments": Hostile(
        f"{_each('query q{} { ...f0 }', 120)} {_each('fragment f{} on Query { ...g }', 1)} "
        + " ".join(f"fragment g{n or ''} on Query {{ ...g{n + 1} }}" for n in range(100))
        + " fragment g100 on Query { viewer { role } }",
        "set 'operationName'",
    ),
    "fragments in circles": Hostile(
        "{ ...f0 } "
        + " ".join(f"fragment f{n} on Query {{ {_each('...f{}', 18)} }}" for n in range(18)),
        "within itself",
    ),
    "unknown fields": Hostile(f"{{ {_each('promoCodeStatsOfTheEvent{}', 600)} }}", "Cannot query"),
    "unknown arguments": Hostile(
        f"{{ eventStats({_each('limitt{}: 1', 600)}) {{ total }} }}", "Unknown argument"
    ),
    "one argument again and again": Hostile(
        f"{{ eventStats({'limit: 1 ' * 600}) {{ total }} }}", "There can be only one argument"
    ),
    "unknown types of variables": Hostile(
        f"query ({_each('$a{}: Intt', 450)}) {{ viewer {{ role }} }}", "is never used"
    ),
    "unused variables": Hostile(
        f"query ({_each('$a{}: Int', 450)}) {{ viewer {{ role }} }}", "is never used"
    ),
    "directives": Hostile(
        f"{{ viewer {'@skip(if: false) ' * 250} {{ role }} }}", "can only be used once"
    ),
    "unknown directives": Hostile(
        f"{{ viewer {'@skipp(if: false) ' * 250} {{ role }} }}", "Unknown directive"
    ),
    "keys of an object": Hostile(
        f"{{ eventStats(orderBy: {{ {_each('fieldd{}: 1', 600)} }}) {{ total }} }}", "at most 30"
    ),
    # Texts.
    "more tokens": Hostile(f"{{ {'a ' * 10_000} }}", "more than 2000 tokens"),
    "nested selections": Hostile(f"{'{ a ' * 600} {'}' * 600}", "nested too deeply"),
    "nested lists": Hostile(f"{{ eventStats(limit: {'[' * 900}{']' * 900}) }}", "too deeply"),
    **{
        name: Hostile(f"{text} {{ viewer {{ role }} }}", "at most 100,000")
        for name, text in {
            "a comment": f"#{'x' * _VALUE}\n",
            "comments": "#\n" * (_VALUE // 3),
            "blanks": " " * _VALUE,
            "commas": "," * _VALUE,
            "line ends": "\n" * (_VALUE // 2),
        }.items()
    },
    **{
        name: Hostile(f'{{ eventStats(eventType: "{text}") {{ total }} }}', "at most 100,000")
        for name, text in {
            "escapes": "\\u0041" * (_VALUE // 7),
            "a block": f'""{"a" * _VALUE}""',
            "lines of a block": f'""{LINE * (_VALUE // 4)}""',
        }.items()
    },
    "a long name": Hostile(f"{{ {'x' * 90_000} }}", "at most 100 are"),
    "a long alias": Hostile(f"{{ {'x' * 90_000}: metrics {{ {_METRICS} }} }}", "at most 100 are"),
    "a long alias of rows": Hostile(
        '{ ticketReport(eventIds: "a", mobileAppId: "a", limit: 1000) '
        f"{{ result {{ {'x' * 90_000}: status }} }} }}",
        "at most 100 are",
    ),
    "a long value of an enum": Hostile(
        f"{{ eventStats(orderBy: {{ field: {'x' * 90_000} }}) {{ total }} }}", "at most 100 are"
    ),
    "a long name of a variable": Hostile(
        f"query (${'x' * 90_000}: Int!) {{ eventStats(limit: $a) {{ total }} }}", "at most 100 are"
    ),
    "a long number": Hostile(f"{{ eventStats(limit: {'1' * 90_000}) {{ total }} }}", "32 bits"),
    "a long fraction": Hostile(
        f"{{ eventStats(limit: 1.{'1' * 90_000}) {{ total }} }}", "non-integer value"
    ),
    "a long literal": Hostile(
        f'{{ eventStats(limit: "{"x" * 90_000}") {{ total }} }}', "at most 1,000"
    ),
    "errors after many lines": Hostile(
        f"{_LINES} {{ {_each('a{}: metrics { totalStaff totalAdmins totalStaff }', 30)} }}", None
    ),
    "unknown names after many lines": Hostile(
        f"{_LINES} {{ {_each('a{}', 100)} }}", "Cannot query field"
    ),
    "conflicts after many lines": Hostile(
        f"{_LINES} {{ {'a: viewer { role } a: metrics { b } ' * 14} }}", "conflict"
    ),
    "as many denied fields as fit": Hostile(f"{{ {_each('a{}: ' + _ALL_METRICS, 30)} }}", None),
    "long names in errors": Hostile(
        f"{{ {_each(f'{_NAME}{{}}: metrics {{ {_METRICS} }}', 30)} }}", None
    ),
    "a long list of numbers": Hostile(
        f"{{ eventStats(limit: [{'123456789 ' * 900}]) {{ total }} }}", "non-integer value"
    ),
    "a long comment": Hostile(f"#{'x' * 90_000}\n {{ viewer {{ role }} }}", None),
    # Variables.
    "a long value": Hostile(
        "query ($v: Int!) { eventStats(limit: $v) { total } }",
        "at most 1,000",
        {"v": "x" * _VALUE},
    ),
    "a long time zone": Hostile(
        "query ($v: String!) { dashboardStats(timezone: $v) { totalSales } }",
        "at most 1,000",
        {"v": "x" * _VALUE},
    ),
    "a long id in many errors": Hostile(
        f"query ($v: ID!) {{ {_each('a{}: event(id: $v) { title }', 30)} }}",
        "at most 1,000",
        {"v": "a" * _VALUE},
    ),
    "a long id in many links": Hostile(
        f"query ($v: ID) {{ {_each('a{}: exportLink(' + _REPORT + ') { url }', 30)} }}",
        "at most 1,000",
        {"v": "a" * _VALUE},
    ),
    "a long text in many links": Hostile(
        f"query ($v: String) {{ {_each('a{}: exportLink(eventType: $v) { url }', 30)} }}",
        "at most 1,000",
        {"v": "é" * 160_000},
    ),
    "a long value in an object": Hostile(
        "query ($v: EventOrder) { eventStats(orderBy: $v) { total } }",
        "at most 1,000",
        {"v": {"field": "a" * _VALUE}},
    ),
    "a long key": Hostile(
        "query ($v: EventOrder) { eventStats(orderBy: $v) { total } }",
        "at most 100 are",
        {"v": {"a" * _VALUE: 1}},
    ),
    "a long time": Hostile(
        'query ($v: DateTime!) { ticketReport(eventIds: [], mobileAppId: "a", limit: 1, '
        "lastUpdatedSince: $v) { total } }",
        "at most 1,000",
        {"v": "a" * _VALUE},
    ),
    "a condition of introspection": Hostile(
        "query ($v: Boolean!) { __schema { types { fields(includeDeprecated: $v) { name } } } }",
        "Boolean cannot represent",
        {"v": "a'" * (_VALUE // 2)},
    ),
    "words that are not used": Hostile(
        f"{{ metrics {{ {_METRICS} {_each('b{}: totalStaff', 30)} }} }}",
        None,
        {"x": "a " * (_VALUE // 2)},
    ),
    "lists that are not used": Hostile(
        f"{{ metrics {{ {_METRICS} }} }}", None, {"x": [[]] * (_VALUE // 4)}
    ),
    "unknown keys": Hostile(
        "query ($v: EventOrder) { eventStats(orderBy: $v) { total } }",
        "at most 30",
        {"v": {f"fieldd{number}": 1 for number in range(600)}},
    ),
    "a long list": Hostile(
        "query ($v: [ID!]!) { ticketReport(eventIds: $v) { total } }",
        "at most 1,000",
        {"v": ["x"] * (_VALUE // 6)},
    ),
    "lists in lists": Hostile(
        "query ($v: [ID!]!) { ticketReport(eventIds: $v) { total } }",
        "at most 1,000",
        {"v": [[]] * (_VALUE // 6)},
    ),
    "wrong ids": Hostile(
        'query ($v: [ID!]!) { ticketReport(eventIds: $v, mobileAppId: "a", limit: 1) { total } }',
        "ID cannot represent",
        {"v": [{}] * 1_000},
    ),
}

_numbers = count()


def another() -> str:
    """A comment that no earlier request had: no cache has the text."""
    return str(next(_numbers))
