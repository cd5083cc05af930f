"""Carrying out what is asked, and writing down who has asked it where the operation says so.

The deed is written down first: what cannot be written down is not done, and is answered as `unavailable`. Its end is written
after; where that fails the answer stands, and the deed stays one of which only the beginning is known.

`gateway.http` and `gateway.sockets` perform every operation by it, so that nobody can ask around it. What is
written down is said by the operation's own `audit`; how it is kept is of `gateway.notify`.
"""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from gateway.protocol import problems
from gateway.protocol.operation import Operation
from gateway.protocol.use_cases import Caller, UseCases
from storage.audit import DONE

T = TypeVar("T")

SERVICE = "service"
"""In the place of a role: an API key, or a service's token."""


async def perform(operation: Operation, use: UseCases, caller: Caller, asked: Any) -> Any:
    """Ask the operation's use case; whoever may not, must not have come this far.

    Raises what the use case raises, and what the audit raises where the deed cannot be begun.
    """
    return await audited(operation, use, caller, asked, lambda: operation.use(use, caller, asked))


async def audited(
    operation: Operation, use: UseCases, caller: Caller, asked: Any, work: Callable[[], Awaitable[T]]
) -> T:
    """Do the work of an operation that was asked, between the two lines about it.

    For imports, whose work is no single call of a use case. A crash during the work leaves a deed without an
    end, which is the truth.

    Nothing is written down where the operation says nothing of it, nor of a service where it says so of
    people alone.
    """
    audit = operation.audit
    if audit is None or not (caller.user or audit.of_services):
        return await work()
    deed = await use.audit.begin(
        by=caller.name,
        role=SERVICE if caller.role is None else caller.role,
        operation=operation.name,
        target=audit.target(asked),
        detail=audit.detail(asked),
    )
    try:
        answer = await work()
    # A cancelled work leaves the deed without an end: nobody knows how far it came.
    except Exception as error:
        await use.audit.end(deed, problems.code_of(error))
        raise
    await use.audit.end(deed, DONE)
    return answer
