"""The ways out: the link on each mail by which its reader says no to more of its kind.

`leaving` is the other side: what the link can do.
"""

from gateway.catalog.live import LiveCatalog
from gateway.catalog.own import DIGEST
from gateway.ground.rooms import user_of
from mailer.unsubscribe import UnsubscribeLinks
from storage.links import Links
from storage.notifications import Notification

MAIL = "m"
"""The name in the query of a link that tells the mail in which the link stands: whoever says no says so because of that one."""


class WaysOut:
    """The link on each mail by which its reader says no to more of its kind.

    A mail worker asks it for each mail that it makes. It writes at most once for a user.
    """

    def __init__(self, keys: Links, links: UnsubscribeLinks, catalog: LiveCatalog) -> None:
        self._keys = keys
        self._links = links
        self._catalog = catalog

    async def of(self, notification: Notification) -> str | None:
        """The URL; None for what is critical, and for what the catalog does not have: it may be. Raises `StorageError`.

        That of a digest is about the category of its newest; its page is about all.
        """
        user, category = user_of(notification.room), self._category(notification)
        if user is None or category is None:
            return None
        key = self._links.key(user)
        # Before the mail leaves: its link must never lead to nobody.
        if await self._keys.user_of(key) is None:
            await self._keys.remember({key: user})
        return f"{self._links.url(user, category)}?{MAIL}={notification.id}"

    def _category(self, notification: Notification) -> str | None:
        """What its reader can say no to, if anything."""
        catalog = self._catalog.current
        if notification.type == DIGEST:
            return None if notification.entry is None else notification.entry.category
        type_ = None if catalog is None else catalog.types.get(notification.type)
        return None if type_ is None or type_.critical else type_.category
