"""What a connection says of links: that its user has followed one, of a notification or of a mail.

A connection proves who follows it. The public links of mails, which prove nothing, are of
`gateway.http.clicks`; both write into the same book.
"""

from collections.abc import Mapping
from typing import Any

from gateway.notify import events
from gateway.notify.clicks.book import ClickBook
from gateway.protocol import clicks
from gateway.protocol.problems import Problem
from gateway.sockets.events import ADMIN, ROOT, Answer, Events
from gateway.sockets.sessions import Session


class ClickEvents:
    """Registers the event `click` of both namespaces.

    A payload has an `id`, of a notification; a `token`, of a link in a mail; or both, of which the token is
    looked at first.
    """

    def __init__(self, registry: Events, book: ClickBook) -> None:
        self._book = book
        for namespace in (ROOT, ADMIN):
            registry.on(namespace, "click", self._click)

    async def _click(self, session: Session, payload: Mapping[str, Any]) -> Answer:
        """Write down that the session's user has followed a link, and answer with the counts that hold then.

        Following marks the notification as read. Repeating it changes nothing. Raises `Problem` `not_found`
        for a token of somebody else's mail, `Invalid`, and `StorageError`.
        """
        asked = clicks.click(payload)
        marked = asked.id
        if asked.token is not None:
            confirmed = await self._book.confirm(session.user, session.rooms, asked.token)
            if confirmed is None:
                raise Problem("not_found", "The token is of no mail of this user's.")
            marked, count = confirmed
        if asked.id is not None:
            marked, count = asked.id, await self._book.follow(session.user, session.rooms, asked.id)
        return {"id": marked, **events.count(count)}
