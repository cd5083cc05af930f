"""Which mails have their links led by way of us, or hold a picture: those of a type that asks for it, to people who have agreed to it.

A mail worker asks it as it makes a mail: `marks` before it is rendered, `keep` with the links that the
rendered mail holds, before it leaves. So there is no link on its way whose target nobody knows.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from gateway.catalog.live import LiveCatalog
from gateway.ground.clock import Clock
from gateway.ground.rooms import user_of
from gateway.notify.deciding.sources import Chosen
from gateway.notify.preferences.chosen import NOTHING
from mailer.clicks import ClickLinks, Marks, target_key
from storage import clicks as shelf
from storage.campaigns import TEST
from storage.obligations import Lease

KNOWN_TARGETS = 10_000
"""How many targets are remembered that need not be kept again: a newsletter's are the same in each mail. At
one more all are forgotten.
"""
SLACK = timedelta(days=1)
"""How much earlier a target that is remembered may end than if it were kept again now."""


class Tracker:
    """What a mail worker asks. Raises `StorageError`.

    One for each process that sends mail; what it remembers only spares writes.
    """

    def __init__(
        self,
        targets: shelf.Clicks,
        links: ClickLinks,
        *,
        catalog: LiveCatalog,
        preferences: Chosen,
        clock: Clock,
        days: int,
    ) -> None:
        """Targets are kept so many days; 0: for ever."""
        self._targets = targets
        self._links = links
        self._catalog = catalog
        self._preferences = preferences
        self._clock = clock
        self._life = timedelta(days=days)
        self._known: dict[bytes, datetime] = {}
        """Targets that are nobody's, and until when they are kept at least."""

    async def marks(self, lease: Lease) -> Marks | None:
        """What makes the mail's links, and its picture; None where it is left as it is.

        Consent is looked at as the mail leaves, and again as a link is followed or the picture is fetched. A
        test mail is never tracked: its readers are no recipients.
        """
        catalog = self._catalog.current
        type_ = None if catalog is None else catalog.types.get(lease.notification.type)
        rule = None if type_ is None else type_.email
        if rule is None or not (rule.clicks or rule.opens):
            return None
        user = user_of(lease.notification.room)
        if user is None or lease.of.id.startswith(TEST):
            return None
        chosen = await self._preferences.of_many([user])
        if not chosen.get(user, NOTHING).tracking:
            return None
        return self._links.marks(lease.id, clicks=rule.clicks, opens=rule.opens)

    async def keep(self, lease: Lease, targets: Sequence[str]) -> None:
        """Keep what its links lead to, durably, until `days` are over at least; done again it changes nothing."""
        user = user_of(lease.notification.room)
        assert user is not None  # others have no marks
        now = self._clock()
        until = now + (self._life or timedelta(days=36_500))
        wanted = {target_key(url): url for url in targets}
        news = {
            key: url
            for key, url in wanted.items()
            if (kept := self._known.get(key)) is None or kept < until - SLACK
        }
        if not news:
            return
        # What is one user's alone is asked for again each time: by the second user it becomes nobody's, and
        # only the store can tell.
        shared = await self._targets.keep(news, user=user, until=until if self._life else None)
        if len(self._known) + len(shared) > KNOWN_TARGETS:
            self._known.clear()
        self._known |= dict.fromkeys(shared, until)
