"""Which mails have their links led by way of us, or hold a picture: those of a type that asks for it, to people who have agreed to it."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from gateway.catalog.live import LiveCatalog
from gateway.ground.clock import Clock
from gateway.ground.rooms import user_of
from gateway.notify.preferences import NOTHING
from gateway.notify.verdicts import Chosen
from mailer.clicks import ClickLinks, Marks, target_key
from storage import clicks as shelf
from storage.campaigns import TEST
from storage.outbox import Lease

KNOWN_TARGETS = 10_000
"""That need not be kept again: a newsletter's are the same in each mail."""
SLACK = timedelta(days=1)
"""By so much may what is known to be kept end earlier than it would if it were kept again."""


class Tracker:
    """What a mail worker asks. Raises `StorageError`."""

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
        """What makes the mail's links, and its picture; None where it is left as it is."""
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
        """Keep what its links lead to."""
        user = user_of(lease.notification.room)
        assert user is not None  # others have no marks
        now = self._clock()
        until = now + (self._life or timedelta(days=36_500))
        wanted = {target_key(url): url for url in targets}
        news = {key: url for key, url in wanted.items() if self._known.get(key, now) < until - SLACK}
        if not news:
            return
        shared = await self._targets.keep(news, user=user, until=until if self._life else None)
        if len(self._known) + len(shared) > KNOWN_TARGETS:
            self._known.clear()
        self._known |= dict.fromkeys(shared, until)
