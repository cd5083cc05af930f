"""The book of opens: that the picture in a mail was fetched.

It is written down for whoever looks at the way of one mail, and for nothing else: no figure counts it, no experiment goes by
it, and it reads nothing. Whose it was is judged as it is looked at, so nothing waits to be.
"""

from collections.abc import Callable
from datetime import timedelta

from gateway.catalog.live import LiveCatalog
from gateway.ground.clock import Clock
from gateway.ground.parts import Part
from gateway.notify.clicks.book import Visit
from gateway.notify.clicks.mails import TrackedMails
from gateway.notify.preferences.book import PreferenceBook
from mailer.clicks import ClickLinks
from storage import opens as shelf
from storage.ids import uuid7
from storage.opens import Open

OPENS_PER_MAIL = 20
"""Written down; one that is opened more often is told no more of."""
PRUNED_AT_ONCE = 2_000


class OpenBook(Part):
    """The use case of mail that was opened."""

    def __init__(
        self,
        opens: shelf.Opens,
        links: ClickLinks | None,
        *,
        catalog: LiveCatalog,
        mails: TrackedMails,
        preferences: PreferenceBook,
        clock: Clock,
        history_days: int,
        may_delete: Callable[[], bool],
    ) -> None:
        self._opens = opens
        self._links = links
        self._catalog = catalog
        self._mails = mails
        self._preferences = preferences
        self._clock = clock
        self._history = timedelta(days=history_days)
        self._may_delete = may_delete

    async def keep_house(self) -> None:
        if self._history and self._may_delete():
            await self._opens.prune(before=self._clock() - self._history, limit=PRUNED_AT_ONCE)

    async def note(self, token: str, visit: Visit) -> None:
        """Write down that the mail with this picture was opened: of a type that asks for it, and of a person who agrees still.

        Raises `StorageError`.
        """
        mail_id = None if self._links is None else self._links.pictured(token)
        if self._links is None or mail_id is None:
            return
        mail = await self._mails.find(mail_id)
        if mail is None or not self._is_asked_for(mail.type):
            return
        if not (await self._preferences.of(mail.user)).tracking:
            return
        opened = Open(
            id=uuid7(),
            mail=mail_id,
            user=mail.user,
            # A campaign tells one for all in the app: it is not the one that was opened.
            notification=None if mail.campaign is not None or mail.marks is None else mail.marks.id,
            at=self._clock(),
            network=self._links.network(mail_id, visit.network),
            signals=visit.signals,
        )
        await self._opens.note(opened, most=OPENS_PER_MAIL)

    def _is_asked_for(self, type_: str) -> bool:
        known = None if self._catalog.current is None else self._catalog.current.types.get(type_)
        return known is not None and known.email is not None and known.email.opens
