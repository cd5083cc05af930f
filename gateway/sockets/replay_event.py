"""What was missed, for a client that asks while its connection goes on.

It is of the connection and of no operation: what is answered depends on the rooms that it is in, and on what its client
was told is muted. All else that is asked of an inbox stands in the table of operations.
"""

from collections.abc import Mapping
from typing import Any

from gateway.ground.encoding import Json
from gateway.notify.delivery import events
from gateway.notify.delivery.replaying import Replaying
from gateway.notify.delivery.translations import spoken
from gateway.protocol.asking import connecting
from gateway.sockets.events import ADMIN, ROOT, Events
from gateway.sockets.sessions import Session


class ReplayEvent:
    """Registers the event `replay` of both namespaces. It has no state beside what it was given."""

    def __init__(self, registry: Events, replaying: Replaying) -> None:
        self._replaying = replaying
        for namespace in (ROOT, ADMIN):
            registry.on(namespace, "replay", self._replay)

    async def _replay(self, session: Session, payload: Mapping[str, Any]) -> Json:
        """What was missed of the session's rooms since the sequences that the client names, and the counts beside it.

        Unlike the replay of an arrival it is an answer, and so bounded: `resync` says of which rooms more was
        missed than that.
        """
        given = payload.get("since")
        since, epoch = connecting.since(given, session.rooms), connecting.epoch(given)
        opening = await self._replaying.answer(
            session.user, session.rooms, since=since, epoch=epoch, muted=lambda: session.muted
        )
        return {
            "notifications": [
                events.notification(spoken(notification, session.locale)) for notification in opening.missed
            ],
            "resync": opening.resync,
            "epoch": opening.epoch,
            **events.count(opening),
        }
