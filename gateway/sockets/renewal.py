"""Renewal: a newer token of the same user carries a connection on, with the rooms that it names.

A client sends one after `token:expiring`, so that its connection need not be broken. It leaves the moving
into other rooms to `gateway.sockets.moving`, and the watch over the new end to `gateway.sockets.expiries`.
"""

from collections.abc import Mapping
from typing import Any

from gateway.ground import encoding
from gateway.ground.encoding import Json
from gateway.notify.people.contacts import contact_of
from gateway.protocol.asking import connecting
from gateway.protocol.parsing import Invalid
from gateway.sockets.arrival import Reception
from gateway.sockets.events import ADMIN, ROOT, Events
from gateway.sockets.moving import Mover
from gateway.sockets.sessions import Session


class Renewal:
    """Registers the event `token` of both namespaces.

    It has no state. Events of one session run one after the other, so two renewals of one session never
    cross.
    """

    def __init__(self, registry: Events, mover: Mover, reception: Reception) -> None:
        self._mover = mover
        self._at = reception
        for namespace in (ROOT, ADMIN):
            registry.on(namespace, "token", self._token)

    async def _token(self, session: Session, payload: Mapping[str, Any]) -> Json:
        """Take a newer token of the same user: the session has its rooms and its end from then on.

        Raises `AuthError` for a bad token, `Invalid` for another user's or, in `/admin`, for one without a
        role, and `StorageError`. In each case the session goes on as it was, to its old end.
        """
        at = self._at
        principal = await at.verifier.verify(connecting.token(payload))
        if principal.user != session.user:
            raise Invalid({"token": ["It is another user's."]})
        if session.namespace == ADMIN and principal.role is None:
            raise Invalid({"token": ["It has none of the roles admin, support and viewer."]})
        # The rooms come first: where they cannot be had, the old end stays in force, and the client may send
        # the token again.
        await self._mover.move(session, principal=principal)
        session.locale = await at.languages.of_reader(session.user, principal.locale)
        session.ends_at = at.expiries.end_of(principal)
        at.expiries.watch(session)
        at.remember(session, contact_of(principal))
        return {"expires_at": encoding.time(principal.expires_at)}
