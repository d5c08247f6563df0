"""How errors are answered: expected ones with their code, all others masked and logged."""

import re
from collections.abc import Iterator

import structlog
from graphql import ArgumentNode, DocumentNode, GraphQLEnumType, GraphQLError, Node, Visitor, visit
from graphql import ExecutionResult as GraphQLExecutionResult
from strawberry.extensions import SchemaExtension
from strawberry.types import ExecutionContext, ExecutionResult

from errors import BadUserInput, HeadcountError

_log = structlog.get_logger(__name__)
_ENUM = re.compile(r"'(\w+)' enum")


class Failures(SchemaExtension):
    """Gives every error of an operation its code (errors.py) in `extensions.code`."""

    def on_operation(self) -> Iterator[None]:
        yield
        result = self.execution_context.result
        if isinstance(result, ExecutionResult | GraphQLExecutionResult) and result.errors:
            result.errors = [_coded(error, self.execution_context) for error in result.errors]


def _coded(error: GraphQLError, context: ExecutionContext) -> GraphQLError:
    """The error as a client gets it."""
    cause: Exception | None = error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    if isinstance(cause, HeadcountError):
        error.extensions = {"code": cause.code}
        return error
    if cause is None:
        # GraphQL's own: what was asked is not of the language, the schema or the types.
        return GraphQLError(
            _explained(error, context),
            nodes=error.nodes,
            source=error.source,
            positions=error.positions,
            path=error.path,
            extensions={"code": BadUserInput.code},
        )
    _log.error("a field failed", path=error.path, exc_info=cause)
    return GraphQLError(
        "Something went wrong here; the server's log says what, under this request's id.",
        nodes=error.nodes,
        path=error.path,
        extensions={
            "code": "INTERNAL_SERVER_ERROR",
            "requestId": structlog.contextvars.get_contextvars().get("request_id"),
        },
    )


def _explained(error: GraphQLError, context: ExecutionContext) -> str:
    """The error's message, with the argument it is about and the values an enum has."""
    message = error.message
    if (match := _ENUM.search(message)) is not None:
        enum = context.schema._schema.type_map.get(match[1])
        if isinstance(enum, GraphQLEnumType):
            message = f"{message} It may be {', '.join(enum.values)}."
    if error.nodes and context.graphql_document is not None:
        argument = _argument_of(error.nodes[0], context.graphql_document)
        if argument is not None and f"'{argument}'" not in message:
            message = f"Argument '{argument}': {message}"
    return message


def _argument_of(value: Node, document: DocumentNode) -> str | None:
    """The name of the argument in whose value a node stands."""
    found: list[str] = []

    class Finder(Visitor):
        def enter(
            self, node: Node, _: object, parent: Node, __: object, ancestors: list[Node]
        ) -> None:
            if node is value:
                names = (n.name.value for n in [*ancestors, parent] if isinstance(n, ArgumentNode))
                found.extend(names)

    visit(document, Finder())
    return found[0] if found else None
