"""What only admins may ask, beyond what everybody asks of an own connection: the events among the operations."""

from collections.abc import Mapping
from typing import Any

from gateway.protocol.operation import Operation
from gateway.protocol.operations import OPERATIONS
from gateway.protocol.parsing import Invalid
from gateway.protocol.use_cases import Caller, UseCases
from gateway.sockets.events import ADMIN, Answer, Ask, Events
from gateway.sockets.sessions import Session


class AdminEvents:
    """Registers the events of the namespace `/admin` that go beyond those of `/`."""

    def __init__(self, registry: Events, use: UseCases) -> None:
        self._use = use
        for operation in OPERATIONS:
            if operation.event is not None:
                registry.on(ADMIN, operation.event, self._asking(operation))

    def _asking(self, operation: Operation) -> Ask:
        async def ask(session: Session, payload: Mapping[str, Any]) -> Answer:
            try:
                asked = operation.parse(payload)
            except Invalid as error:
                if operation.refused is not None:
                    operation.refused(self._use, error)
                raise
            answer = operation.shape(await operation.use(self._use, _caller(session), asked))
            return answer if operation.under is None else {operation.under: answer}

        return ask


def _caller(session: Session) -> Caller:
    user = session.user
    return Caller(
        scope=f"admin:{user}", user=user, rooms=session.rooms, is_admin=True, sid=session.sid,
        locale=session.principal.locale,
    )  # fmt: skip
