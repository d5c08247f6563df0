"""Compiled execution: a selection that only reads attributes becomes one generated function.

graphql-core completes an answer field by field. If every field selected below a value only reads
attributes of a resolver's result, a generated function builds the same answer at once, with a
guard at every leaf. If a guard fails (a null in a non-null field, another type, an exception), the
function gives up and graphql-core completes the value: errors are graphql-core's own.
"""

import asyncio
from typing import Any, Final, NamedTuple
from weakref import proxy

from cachetools import LRUCache
from graphql import GraphQLResolveInfoHelpers, Undefined
from graphql.execution.collect_fields import FieldDetails
from graphql.pyutils import Path
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from schema.execution.codegen import Code, CompletionPlan, NotCompilable
from schema.execution.locations import characters

# Characters of generated code, of all plans together. A plan holds its document; a character of
# the document takes as much memory as ten of code.
_CODE_MAX: Final = 2_000_000
_PLANS_MAX: Final = 1_000
_CODE_PER_CHARACTER: Final = 10
# Rows of a list whose completion takes a thread.
_LARGE: Final = 1_000


class CachedPlan(NamedTuple):
    """A completion plan, None if there can be none, and the nodes whose ids are its cache key."""

    plan: CompletionPlan | None
    weight: int
    nodes: list[object]


def plan_cache(code: int, plans: int) -> LRUCache[object, CachedPlan]:
    """A cache of so many plans at most, with so many characters of generated code together."""
    # No plan weighs less than its share: so the weight bounds the count, too.
    return LRUCache(code, lambda cached: max(cached.weight, code // plans))


class CompiledExecution(StrawberryGraphQLCoreExecutionContext):
    """Executes an operation; selections of attributes by generated functions."""

    plans: Final = plan_cache(_CODE_MAX, _PLANS_MAX)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # graphql-core's helpers refer to this object. Without the cycle, what an operation has made
        # is freed at once, not by a scan of all objects.
        executor = proxy(self)
        self.async_helpers = GraphQLResolveInfoHelpers(
            gather=lambda values: executor.gather_async_work(values),
            track=lambda values: executor.track_async_work(values),
        )
        # Extensions that observe fields must see each field resolved.
        self._watched = bool(self.middleware_manager and self.middleware_manager.middlewares)
        self._large = (getattr(self.context_value, "limit_max", None) or 0) > _LARGE
        # `@skip` and `@include` depend on these variables only.
        self._conditions = tuple(
            item for item in self.variable_values.coerced.items() if type(item[1]) is bool
        )

    def complete_list_value(self, *given: Any) -> Any:
        answer = self._answer(*given)
        return super().complete_list_value(*given) if answer is Undefined else answer

    def complete_object_value(self, *given: Any) -> Any:
        *_, path, _, _ = given
        if path.prev is None and self._large:
            return self._completed_in_thread(*given)
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
        """A value's completion; `Undefined` if graphql-core has to complete it."""
        plan = self._plan(return_type, details)
        if plan is None:
            return Undefined
        try:
            return plan(value)
        except Exception:
            return Undefined

    async def _completed_in_thread(self, *given: Any) -> Any:
        """A large object's completion; meanwhile, the interpreter switches to the event loop."""
        answer = await asyncio.to_thread(self._answer, *given)
        return super().complete_object_value(*given) if answer is Undefined else answer

    def _plan(self, return_type: Any, details: list[FieldDetails]) -> CompletionPlan | None:
        if self._watched:
            return None
        key = (return_type, self._conditions, *[id(each.node) for each in details])
        cached = self.plans.get(key)
        if cached is None:
            try:
                cached = self._made(return_type, details)
            except Exception:
                # For example a null condition, which is an error only if there is a value.
                return None
            if cached.weight <= _CODE_MAX:
                self.plans[key] = cached
        return cached.plan

    def _made(self, return_type: Any, details: list[FieldDetails]) -> CachedPlan:
        nodes: list[object] = [each.node for each in details]
        location = details[0].node.loc
        weight = _CODE_PER_CHARACTER * characters(location.source) if location else 0
        if weight <= _CODE_MAX:
            try:
                plan, length = Code(self).plan(return_type, details)
                if weight + length <= _CODE_MAX:
                    return CachedPlan(plan, weight + length, nodes)
            except NotCompilable:
                pass
        return CachedPlan(None, weight, nodes)
