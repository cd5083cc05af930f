"""The door: it answers the engine when a client comes, was let in, and has gone; what fails on the way in gets its code here.

It is the only caller of `gateway.sockets.arrival`. It knows which error is which code, and leaves the steps
to the arrival.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from socketio.exceptions import ConnectionRefusedError as Refused

from auth.errors import AuthError
from gateway.cluster.presence.errors import PresenceUnavailable
from gateway.engine import ClosingReason
from gateway.protocol.parsing import Invalid
from gateway.sockets.arrival import Arrival, Reception, refusal
from gateway.sockets.events import ADMIN, ROOT
from gateway.sockets.sessions import Session, Stage
from storage.errors import StorageError, StoreUnavailable
from storage.people import Contact

logger = logging.getLogger(__name__)


class Door:
    """Answers the engine when a client comes, was let in, and has gone.

    One for a node; it registers itself and has no end of its own. For one session the engine calls `connect`,
    `on_open` and `disconnect` one after the other, and `disconnect` only where `connect` succeeded.
    """

    def __init__(self, reception: Reception, settle: Callable[[Session], None]) -> None:
        """`settle` is told of sessions that came in while their users' topics or mutes changed."""
        self._at = reception
        self._settle = settle
        self._arrivals: dict[str, Arrival] = {}
        """Admitted, and not let in yet; by the session's id. An entry goes with `_opened` or `_gone`, whichever
        comes first; a client that goes between the two leaves none behind.
        """
        for namespace in (ROOT, ADMIN):
            self._register(namespace)
        reception.server.on_open = self._opened

    def _register(self, namespace: str) -> None:
        """Answer the engine for a namespace."""

        async def connect(sid: str, environ: Mapping[str, Any], auth: object = None) -> None:
            del environ
            await self._connect(sid, namespace, auth if isinstance(auth, Mapping) else {})

        async def disconnect(sid: str, reason: object = None) -> None:
            del reason
            await self._gone(sid)

        self._at.server.on("connect", connect, namespace=namespace)
        self._at.server.on("disconnect", disconnect, namespace=namespace)

    async def _connect(self, sid: str, namespace: str, auth: Mapping[str, Any]) -> None:
        """Verify who comes and admit it. Whatever goes wrong is a refusal with a code, raised as `Refused`.

        What nobody foresaw is a refusal to try again, and is logged: a stranger must not learn what broke.
        Such a client has no session afterwards: `admit` has cleaned up.
        """
        try:
            arrival = await Arrival.verified(self._at, sid, namespace, auth)
            await arrival.admit()
        except Refused:
            raise
        except AuthError as error:
            raise refusal(error.code, str(error), retry=error.retry) from error
        except Invalid as error:
            raise refusal("validation_failed", str(error), retry=False) from error
        except (StoreUnavailable, PresenceUnavailable) as error:
            raise refusal("unavailable", "try again in a moment", retry=True) from error
        except Exception as error:
            logger.exception("connect failed")
            raise refusal("unavailable", "try again in a moment", retry=True) from error
        self._arrivals[sid] = arrival

    async def _opened(self, sid: str, namespace: str) -> None:
        """Replay what was missed and let the session in; a session that cannot be let in is given up with a reason.

        Never raises: the engine's task would end, and with it the session without a reason.
        """
        del namespace
        arrival = self._arrivals.pop(sid, None)
        if arrival is None:
            return
        if arrival.session.ending is not None:
            await arrival.give_up(arrival.session.ending)
            return
        try:
            if await arrival.replay():
                await arrival.enter()
                if arrival.session.is_unsettled:
                    self._settle(arrival.session)
        except TimeoutError:
            await arrival.give_up(ClosingReason.SLOW_CONSUMER)
        except StorageError:
            await arrival.give_up(ClosingReason.UNAVAILABLE)
        except Exception:
            logger.exception("opening failed")
            await arrival.give_up(ClosingReason.UNAVAILABLE)

    async def _gone(self, sid: str) -> None:
        """Take a session out of register, rooms and presence. Called once for each whose `connect` succeeded."""
        self._arrivals.pop(sid, None)
        at, session = self._at, self._at.sessions.get(sid)
        if session is None:
            return
        at.sessions.remove(sid)
        at.delivery.rooms.leave(sid, session.rooms)
        # One that never entered is unknown to presence. One that goes while `enter` is under way takes itself
        # out there again.
        if session.stage is Stage.ENTERED:
            now = at.clock()
            at.remember(session, Contact(user=session.user, last_seen=now))
            await at.presence.leave(at.sessions.name_of(session), now=now)
