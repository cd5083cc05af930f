"""What may be asked over a connection: the events among the operations.

What users ask of their own inbox is asked in `/`, and most of it in `/admin` too, of the rooms that the connection is in.
All else is asked in `/admin` alone, and is looked at for the role that the session has now: a newer token may have
given it another.

What operations there are, is `gateway.protocol.operations`: an event and a route of the same operation do the
same.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.ground.encoding import Json
from gateway.ground.parts import Ask
from gateway.protocol.auditing import perform
from gateway.protocol.operation import USER, Operation
from gateway.protocol.operations import OPERATIONS
from gateway.protocol.parsing import Invalid
from gateway.protocol.problems import Problem
from gateway.protocol.use_cases import Caller, UseCases
from gateway.sockets.events import ADMIN, ROOT, Events
from gateway.sockets.sessions import Session


class OperationEvents:
    """Registers the events of all operations.

    It registers once, at the start of a node, and keeps nothing of those who ask.
    """

    def __init__(self, registry: Events, use: UseCases) -> None:
        self._use = use
        for operation in OPERATIONS:
            if operation.event is not None:
                for namespace in _namespaces(operation):
                    registry.on(namespace, operation.event, self._asking(operation))

    def _asking(self, operation: Operation) -> Ask:
        """What answers the event of this operation: judges the role, reads the payload, performs, and shapes the answer.

        The role is judged before the payload is read, so that a viewer is not told what an admin's request
        should look like. What is written down of the asking is of `perform`, which does so before it acts.
        """

        async def ask(session: Session, payload: Mapping[str, Any]) -> Json:
            caller = _caller(session)
            if operation.scope != USER and (caller.role is None or not caller.role.covers(operation.role)):
                raise Problem("forbidden", f"This needs the role {operation.role}.")
            try:
                asked = operation.parse(payload)
            except Invalid as error:
                if operation.refused is not None:
                    operation.refused(self._use, error)
                raise
            answer = operation.shape(await perform(operation, self._use, caller, asked))
            return answer if operation.under is None else {operation.under: answer}

        return ask


def _namespaces(operation: Operation) -> Sequence[str]:
    """Where the event is asked."""
    if operation.scope != USER:
        return (ADMIN,)
    return (ROOT, ADMIN) if operation.in_both else (ROOT,)


def _caller(session: Session) -> Caller:
    """Who asks, as use cases want it: `scope` is such as `"admin:42"`, under which idempotency keys are kept."""
    user = session.user
    return Caller(
        scope=f"admin:{user}" if session.namespace == ADMIN else f"user:{user}",
        user=user,
        rooms=session.rooms,
        role=session.principal.role,
        sid=session.sid,
        locale=session.locale,
    )
