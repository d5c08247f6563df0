"""Errors of operations: expected errors get their code; all others are masked and logged."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

import structlog
from graphql import ArgumentNode, GraphQLEnumType, GraphQLError, Node, Visitor, visit
from graphql import ExecutionResult as GraphQLExecutionResult
from strawberry.extensions import SchemaExtension
from strawberry.types import ExecutionResult

from errors import INTERNAL_ERROR, BadUserInput, HeadcountError, LimitExceeded
from schema.execution.validation import bounded

_log = structlog.get_logger(__name__)
_ENUM = re.compile(r"'(\w+)' enum")
# Texts in quotes, and names, of more than 100 characters.
_LONG_QUOTE = re.compile(r"""(["'])((?:(?!\1).){100})(?:(?!\1).)+\1""", re.DOTALL)
_LONG_NAME = re.compile(r"(\w{100})\w+")
_MESSAGE_MAX = 1_000
_WORD = re.compile(r"\w+")
_HIDDEN = (
    "This is not accepted here. With introspection off, the server does not say what would be."
)
_NODES_MAX = 10


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
            for error in found:
                _drop_tracebacks(error)

    def _coded(self, error: GraphQLError, cause: Exception | None) -> GraphQLError:
        """The error as a client gets it."""
        if isinstance(cause, HeadcountError):
            error.message = self._shown(error.message)
            error.extensions = {"code": cause.code}
            if isinstance(cause, LimitExceeded):
                error.extensions["limit"] = cause.limit
            return error
        if cause is None:
            # GraphQL's own error: the operation does not fit the language, the schema or the types.
            return GraphQLError(
                self._shown(self._explained(error)),
                nodes=error.nodes and error.nodes[:_NODES_MAX],
                source=error.source,
                positions=None if error.nodes else error.positions,
                path=error.path,
                extensions={"code": BadUserInput.code},
            )
        return GraphQLError(
            "Something went wrong here; the server's log says what, under this request's id.",
            nodes=error.nodes,
            path=error.path,
            extensions={
                "code": INTERNAL_ERROR,
                "requestId": structlog.contextvars.get_contextvars().get("request_id"),
            },
        )

    def _shown(self, message: str) -> str:
        """The message, short, and without names that the caller may not know."""
        message = _cut(message)
        if named := self._hidden.intersection(_WORD.findall(message)):
            context = self.execution_context
            sent = f"{context.query} {json.dumps(context.variables)}"
            if not named.issubset(_WORD.findall(sent)):
                return _HIDDEN
        return message

    def _explained(self, error: GraphQLError) -> str:
        """The error's message, with the name of its argument and the values of its enum."""
        message = error.message
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


def _cut(message: str) -> str:
    """The message with at most 100 characters of each text that it quotes."""
    cut = _LONG_NAME.sub(r"\1…", _LONG_QUOTE.sub(r"\1\2…\1", message))
    return cut if len(cut) <= _MESSAGE_MAX else f"{cut[:_MESSAGE_MAX]}…"


def _cause(error: GraphQLError) -> Exception | None:
    """The exception that a field raised; None if the error is GraphQL's own."""
    cause: Exception | None = error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    return cause


def _drop_tracebacks(error: BaseException | None) -> None:
    """Drops the frames of an error and its causes, once they are logged.

    Frames refer to the error again, and to all of the request's values. Without this cycle, a
    request is freed at once, not by a scan of all objects.
    """
    while error is not None:
        error.__traceback__ = None
        error = getattr(error, "original_error", None) or error.__cause__ or error.__context__


def _log_unforeseen(errors: Sequence[GraphQLError], causes: Sequence[Exception | None]) -> None:
    """Logs each unforeseen exception once, with the paths of all fields that it emptied."""
    paths: defaultdict[int, list[object]] = defaultdict(list)
    for error, cause in zip(errors, causes, strict=True):
        paths[id(cause)].append(error.path)
    for cause in {id(cause): cause for cause in causes}.values():
        if cause is not None and not isinstance(cause, HeadcountError):
            _log.error("fields failed", paths=paths[id(cause)], exc_info=cause)
