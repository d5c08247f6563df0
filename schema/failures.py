"""Errors of operations: expected errors get their code; all others are masked and logged."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import structlog
from graphql import ArgumentNode, GraphQLEnumType, GraphQLError, Node, Visitor, visit
from graphql import ExecutionResult as GraphQLExecutionResult
from strawberry.extensions import SchemaExtension
from strawberry.types import ExecutionResult

from errors import INTERNAL_ERROR, BadUserInput, HeadcountError, LimitExceeded
from schema.execution.locations import locations
from schema.execution.validation import bounded

_log = structlog.get_logger(__name__)
_ENUM = re.compile(r"'(\w+)' enum")
# Texts in quotes, and names, of more than 100 characters.
_LONG_QUOTE = re.compile(r"""(["'])((?:(?!\1).){100})(?:(?!\1).)+\1""", re.DOTALL)
_LONG_NAME = re.compile(r"(\w{100})\w+")
_MESSAGE_MAX = 1_000
# Characters at both ends of a message that are searched for long texts.
_END = 2_000
# Characters of the variables in which a hidden name counts as sent; the text may have 100,000.
_SEARCHED = 20_000
_WORD = re.compile(r"\w+")
_HIDDEN = (
    "This is not accepted here. With introspection off, the server does not say what would be."
)
_LOCATIONS_MAX = 10


class Failures(SchemaExtension):
    """Gives every error of an operation its code (errors.py) in `extensions.code`.

    No error has one of the `hidden` names unless the caller sent it.
    """

    def __init__(self, hidden: frozenset[str] = frozenset()) -> None:
        self._hidden = hidden

    def on_operation(self) -> Iterator[None]:
        yield
        result = self.execution_context.result
        if isinstance(result, ExecutionResult | GraphQLExecutionResult) and result.errors:
            # A field that is null has an error; a refused request has a few.
            found = result.errors
            errors = found if result.data is not None else bounded(found)
            causes = [_cause(error) for error in errors]
            _log_unforeseen(errors, causes)
            result.errors = [
                self._coded(error, cause) for error, cause in zip(errors, causes, strict=True)
            ]
            _drop_tracebacks(found)

    def _coded(self, error: GraphQLError, cause: Exception | None) -> GraphQLError:
        """The error as a client gets it."""
        if isinstance(cause, HeadcountError):
            shown = self._shown(error.message)
            extensions: dict[str, Any] = {"code": cause.code}
            if isinstance(cause, LimitExceeded):
                extensions["limit"] = cause.limit
        elif cause is None:
            # GraphQL's own error: the operation does not fit the language, the schema or the types.
            shown = self._shown(self._explained(error))
            extensions = {"code": BadUserInput.code}
        else:
            shown = (
                "Something went wrong here; the server's log says what, under this request's id."
            )
            request_id = structlog.contextvars.get_contextvars().get("request_id")
            extensions = {"code": INTERNAL_ERROR, "requestId": request_id}
        # The error may be cached, for other requests.
        coded = GraphQLError(shown, path=error.path, extensions=extensions)
        coded.locations = locations(error, _LOCATIONS_MAX)
        return coded

    def _shown(self, message: str) -> str:
        """The message, short, and without names that the caller may not know."""
        message = shortened(message)
        named = self._hidden.intersection(_WORD.findall(message))
        return message if not named or named <= self._sent else _HIDDEN

    @cached_property
    def _sent(self) -> frozenset[str]:
        """The hidden names that the caller sent, in the operation or its variables."""
        words = _WORD.findall(self.execution_context.query or "")
        left: list[object] = [self.execution_context.variables]
        room = _SEARCHED
        while left and room > 0:
            value = left.pop()
            if isinstance(value, dict):
                left += [*value, *value.values()]
            elif isinstance(value, list):
                left += value
            elif isinstance(value, str):
                words += _WORD.findall(value[:room])
                room -= len(value)
            room -= 1
        return self._hidden.intersection(words)

    def _explained(self, error: GraphQLError) -> str:
        """The error's message, with the name of its argument and the values of its enum."""
        message = _ends(error.message)
        if (match := _ENUM.search(message)) is not None:
            enum = self.execution_context.schema._schema.type_map.get(match[1])
            if isinstance(enum, GraphQLEnumType):
                message = f"{message} It may be {', '.join(enum.values)}."
        argument = self._arguments.get(id(error.nodes[0])) if error.nodes else None
        if argument is not None and f"'{argument}'" not in message:
            message = f"Argument '{argument}': {message}"
        return message

    @cached_property
    def _arguments(self) -> Mapping[int, str]:
        """The id of each node in an argument's value → the argument's name."""
        document = self.execution_context.graphql_document
        finder = _ArgumentFinder()
        if document is not None:
            visit(document, finder)
        return finder.found


class _ArgumentFinder(Visitor):
    """Finds the id of each node in an argument's value → the argument's name."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[int, str] = {}
        self._argument: str | None = None

    def enter(self, node: Node, *_: object) -> None:
        if isinstance(node, ArgumentNode):
            self._argument = node.name.value
        elif self._argument is not None:
            self.found[id(node)] = self._argument

    def leave(self, node: Node, *_: object) -> None:
        if isinstance(node, ArgumentNode):
            self._argument = None


def shortened(message: str) -> str:
    """The message with at most 100 characters of each text that it quotes."""
    cut = _LONG_NAME.sub(r"\1…", _LONG_QUOTE.sub(r"\1\2…\1", _ends(message)))
    return cut if len(cut) <= _MESSAGE_MAX else f"{cut[:_MESSAGE_MAX]}…"


def _ends(message: str) -> str:
    """The first and the last characters of a message: it may quote the whole request between."""
    return message if len(message) <= 2 * _END else f"{message[:_END]}…{message[-_END:]}"


def _cause(error: GraphQLError) -> Exception | None:
    """The exception that a field raised; None if the error is GraphQL's own."""
    cause: Exception | None = error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    return cause


def _drop_tracebacks(errors: Iterable[BaseException]) -> None:
    """Drops the frames of errors and all of their causes, once they are logged.

    Frames refer to the error again, and to all of the request's values. Without this cycle, a
    request is freed at once, not by a scan of all objects.
    """
    left: list[BaseException | None] = [*errors]
    visited = set[int]()
    while left:
        error = left.pop()
        # Causes may be shared, and may form a circle.
        if error is not None and id(error) not in visited:
            visited.add(id(error))
            error.__traceback__ = None
            left += [getattr(error, "original_error", None), error.__cause__, error.__context__]
            if isinstance(error, BaseExceptionGroup):
                left += error.exceptions


def _log_unforeseen(errors: Sequence[GraphQLError], causes: Sequence[Exception | None]) -> None:
    """Logs each unforeseen exception once, with the paths of all fields that it emptied."""
    paths: defaultdict[int, list[object]] = defaultdict(list)
    for error, cause in zip(errors, causes, strict=True):
        paths[id(cause)].append(error.path)
    for cause in {id(cause): cause for cause in causes}.values():
        if cause is not None and not isinstance(cause, HeadcountError):
            _log.error("fields failed", paths=paths[id(cause)], exc_info=cause)
