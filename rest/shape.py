"""The shape of a REST answer: a stored operation's data, changed as its directives say."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self, TypeAlias

from graphql import (
    FieldNode,
    GraphQLEnumType,
    GraphQLField,
    GraphQLNonNull,
    GraphQLObjectType,
    SelectionSetNode,
    get_named_type,
    get_nullable_type,
    is_list_type,
)

from errors import NotFound
from schema.rules import rules_of

Directives: TypeAlias = Callable[[str, Any], dict[str, Any] | None]
"""(a directive's name, a node) → the directive's arguments; None if the node does not have it."""

_Change: TypeAlias = Callable[[Any], Any]

_NO_MILLISECONDS: Final = ".000"


@dataclass(frozen=True)
class Member:
    """A member of an object in an answer, with what the directives of its field say.

    `members` are those of its value, or of each item of a list.
    """

    name: str
    field: GraphQLField
    members: Sequence["Member"]
    map: dict[str, Any] | None
    absent_if_null: bool
    else_not_found: str | None
    short_time: bool

    @classmethod
    def of(cls, field: GraphQLField, node: FieldNode, directives: Directives) -> Self:
        """The member that a field makes; raises `ValueError` for an unfit directive."""
        missing = directives("elseNotFound", node) or {}
        member = cls(
            name=(node.alias or node.name).value,
            field=field,
            members=members_of(node.selection_set, get_named_type(field.type), directives),
            map=directives("map", node),
            absent_if_null=directives("absentIfNull", node) is not None,
            else_not_found=missing.get("message"),
            short_time=directives("shortTime", node) is not None,
        )
        if member.map is not None:
            names = {each.name for each in member.members}
            if not member.is_list or not names >= {*member.map.values()} - {None}:
                raise ValueError(f"@map of {member.name} must name members of a list's items.")
        if member.short_time and get_named_type(field.type).name != "DateTime":
            raise ValueError(f"@shortTime of {member.name}: it is no DateTime.")
        return member

    @property
    def is_list(self) -> bool:
        """Whether the field's value is a list."""
        return is_list_type(get_nullable_type(self.field.type))

    @property
    def shown(self) -> bool:
        """Whether the answer shows the member."""
        return not (self.is_list and self.else_not_found)

    @property
    def nullable(self) -> bool:
        """Whether the answer may show null: not for a field with a rule, which is 403 then."""
        may_be_null = not isinstance(self.field.type, GraphQLNonNull)
        hidden = self.absent_if_null or self.else_not_found
        return may_be_null and not hidden and not rules_of(self.field)

    def change(self) -> _Change | None:
        """What changes a value of the field; None if no value needs a change."""
        change = _changing(self.members)
        if isinstance(get_named_type(self.field.type), GraphQLEnumType):
            change = str.lower
        elif self.short_time:
            change = _short_time
        if self.is_list:
            change = _of_items(change, self.map)
        return change


def members_of(
    selections: SelectionSetNode | None, parent: Any, directives: Directives
) -> Sequence[Member]:
    """The members of the objects that a selection without fragments makes."""
    if selections is None or not isinstance(parent, GraphQLObjectType):
        return ()
    nodes = (node for node in selections.selections if isinstance(node, FieldNode))
    return [Member.of(parent.fields[node.name.value], node, directives) for node in nodes]


class Shape:
    """The shape of the answers of a stored operation, whose only root field is `root`."""

    def __init__(self, root: Member) -> None:
        self.root = root
        self._change = _changing([root])

    def body(self, data: dict[str, Any]) -> Any:
        """The answer that data make; changes them. Raises `NotFound`."""
        if self._change is not None:
            data = self._change(data)
        return data[self.root.name]


def _changing(members: Iterable[Member]) -> _Change | None:
    """What changes objects with these members; None if none needs a change."""
    changes = [
        (each, change)
        for each in members
        if (change := each.change()) or each.else_not_found or each.absent_if_null
    ]

    def changed(value: dict[str, Any]) -> dict[str, Any]:
        for member, change in changes:
            found = value[member.name]
            if member.else_not_found and not found:
                raise NotFound(member.else_not_found)
            if not member.shown or (member.absent_if_null and found is None):
                del value[member.name]
            elif change is not None and found is not None:
                value[member.name] = change(found)
        return value

    return changed if changes else None


def _of_items(change: _Change | None, map: dict[str, Any] | None) -> _Change | None:
    """What changes a list, whose items need a change."""
    if map is None:
        return None if change is None else lambda items: [*_each(change, items)]

    def mapped(items: Iterable[dict[str, Any]]) -> dict[str, Any]:
        key, value = map["key"], map.get("value")
        changed = items if change is None else _each(change, items)
        return {item.pop(key): item[value] if value else item for item in changed}

    return mapped


def _each(change: _Change, items: Iterable[Any]) -> Iterable[Any]:
    return (None if item is None else change(item) for item in items)


def _short_time(value: str) -> str:
    """A time as answers show it, without milliseconds that are zero."""
    return value.replace(_NO_MILLISECONDS, "", 1)
