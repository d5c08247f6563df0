"""Compiled execution: a selection that only reads attributes becomes one generated function.

graphql-core completes an answer field by field. Where all that is selected below a value only
reads attributes of what a resolver returned, a function is generated that builds the same answer
at once, with a guard at every leaf. Whatever is not expected there (a null where none may be,
another type, an exception) makes it give up, and graphql-core completes the same value: errors
are its own.
"""

from typing import Any, Final, NamedTuple

from cachetools import LRUCache
from graphql import Undefined
from graphql.execution.collect_fields import FieldDetails
from graphql.pyutils import Path
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from schema.execution.codegen import Code, NotPlain, Plan

# Characters of generated code, of all plans together. A plan keeps its document, of which a
# character takes as much memory as ten of code.
_CODE_MAX: Final = 2_000_000
_PLANS_MAX: Final = 1_000
_CODE_PER_CHARACTER: Final = 10


class _Kept(NamedTuple):
    """A plan, or None where there is none, and the nodes whose ids lead to it."""

    plan: Plan | None
    weight: int
    nodes: list[object]


class Compiled(StrawberryGraphQLCoreExecutionContext):
    """Executes an operation; what is plain by generated functions."""

    # Bounded by count, too: the weight of none is below its share.
    plans: Final[LRUCache[object, _Kept]] = LRUCache(
        _CODE_MAX, lambda kept: max(kept.weight, _CODE_MAX // _PLANS_MAX)
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Extensions that watch each field must see it resolved.
        self._watched = bool(self.middleware_manager and self.middleware_manager.middlewares)
        # What is skipped and included depends on these alone.
        self._conditions = tuple(
            item for item in self.variable_values.coerced.items() if type(item[1]) is bool
        )

    def complete_list_value(self, *given: Any) -> Any:
        answer = self._answer(*given)
        return super().complete_list_value(*given) if answer is Undefined else answer

    def complete_object_value(self, *given: Any) -> Any:
        answer = self._answer(*given)
        return super().complete_object_value(*given) if answer is Undefined else answer

    def _answer(
        self,
        return_type: Any,
        details: list[FieldDetails],
        info: Any,
        path: Path,
        value: Any,
        _: Any,
    ) -> Any:
        """A value's completion; `Undefined` where graphql-core has to complete it."""
        plan = self._plan(return_type, details)
        if plan is None:
            return Undefined
        try:
            return plan(value)
        except Exception:
            return Undefined

    def _plan(self, return_type: Any, details: list[FieldDetails]) -> Plan | None:
        if self._watched:
            return None
        key = (return_type, self._conditions, *[id(each.node) for each in details])
        kept = self.plans.get(key)
        if kept is None:
            try:
                kept = self._made(return_type, details)
            except Exception:
                # A condition that is null, say, which is an error only where a value is.
                return None
            if kept.weight <= _CODE_MAX:
                self.plans[key] = kept
        return kept.plan

    def _made(self, return_type: Any, details: list[FieldDetails]) -> _Kept:
        nodes: list[object] = [each.node for each in details]
        location = details[0].node.loc
        weight = _CODE_PER_CHARACTER * len(location.source.body) if location else 0
        if weight <= _CODE_MAX:
            try:
                plan, characters = Code(self).plan(return_type, details)
                if weight + characters <= _CODE_MAX:
                    return _Kept(plan, weight + characters, nodes)
            except NotPlain:
                pass
        return _Kept(None, weight, nodes)
