"""Leaving: what the links in mails can do, without a login. They show what their user is sent, and can only lower it.

A link may be forwarded, and a scanner may follow it. So it shows no name, no address and no history; it turns nothing on; and the
user is told in the app of what was turned off, with the way back.

`mailer.unsubscribe` makes and reads the links, `choices` keeps the choice, and `gateway.http.unsubscribe`
has the pages. `ways_out` puts the link on a mail that leaves, `lowering` says what it shows and turns off.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gateway.catalog.live import LiveCatalog
from gateway.ground.rooms import user_of
from gateway.notify.choosing.choices import ATTEMPTS, Choice, Choices, PreferenceGrid, VersionMismatch
from gateway.notify.choosing.lowering import CategoryLine, CellPlace, beneath, line_of, lowering
from gateway.notify.preferences.chosen import ordered
from gateway.notify.preferences.patches import undoing, way_back
from mailer.unsubscribe import UnsubscribeLinks, UnsubscribeTicket, scope
from storage.errors import StoreUnavailable
from storage.links import Links
from storage.notifications import Notification

LINK = "link"
"""Who has chosen, in the changes of preferences, when it was a link."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsubscribeVisit:
    """What a link opens.

    It is made for one request. `is_new` is False for a link that is followed again: nothing was turned off by
    that.
    """

    user: str
    category: str | None
    """What the link is about; None where the catalog has that no more."""
    name: str
    """The name of that category; empty where there is none."""
    chosen: PreferenceGrid
    lines: tuple[CategoryLine, ...]
    wants_email: bool
    """Whether mail is wanted at all."""
    tells_opens: bool = False
    """Whether any mail holds a picture that tells that it was opened."""
    is_new: bool = False
    """Whether something was turned off just now."""

    @property
    def locale(self) -> str | None:
        return self.chosen.locale


@dataclass(frozen=True, slots=True, kw_only=True)
class Lowered:
    """What was turned off by a link, and how it is undone.

    Both are merge patches (RFC 7396) of the preferences' document, so the way back is a choice like any
    other, made by the user.
    """

    visit: UnsubscribeVisit
    patch: Mapping[str, Any]
    """The merge patch that was chosen."""
    undo: Mapping[str, Any]
    """The merge patch that the user may choose to have all of it back."""


Mails = Callable[[str], Awaitable[Notification | None]]
"""What an obligation tells, by its id."""

TellLowered = Callable[[Lowered], Awaitable[None]]
"""Tells the user; raises nothing."""


class Leaving:
    """The use cases of links in mails. They raise `StoreUnavailable` when the store is away.

    A link names its user by a key of the store, not by name: `erase` takes the key away, and the link leads
    nowhere. It holds as long as its secret does; it has no age, for people unsubscribe by old mail.
    """

    def __init__(
        self,
        keys: Links,
        links: UnsubscribeLinks,
        *,
        choices: Choices,
        catalog: LiveCatalog,
        mails: Mails,
        tell: TellLowered,
    ) -> None:
        self._keys = keys
        self._links = links
        self._choices = choices
        self._catalog = catalog
        self._mails = mails
        self._tell = tell

    async def visit(self, token: str) -> UnsubscribeVisit | None:
        """What the link opens; None for one that is not ours, or whose user was erased.

        It changes nothing, so scanners may follow it.
        """
        found = await self._found(token)
        if found is None:
            return None
        ticket, user = found
        return self._shown(ticket, await self._choices.show(user))

    async def leave(self, token: str, *, mail: str | None = None) -> UnsubscribeVisit | None:
        """Turn off the mail that the link is about; done twice it is done once. `mail` is the one that the link stood in.

        It holds for that mail also when none is wanted at all now, and some is again later. What RFC 8058 posts,
        and what the page's own button does. A link whose category the catalog has no more turns nothing off.
        """
        return await self._lower(token, _leaving, mail=mail)

    async def lead(self, token: str) -> bool:
        """As `leave`, for who has written a letter to the link's address; False for a link that leads to nobody."""
        return await self.leave(token) is not None

    async def lower(
        self, token: str, places: Iterable[CellPlace], *, untrack: bool = False, mail: str | None = None
    ) -> UnsubscribeVisit | None:
        """Turn off what is sent in these places; what is off, or cannot be chosen, stays as it is.

        With `untrack` nobody may know any more which links in mail the user follows, nor what mail is opened.

        Answers as `leave` does. What comes from the page's form is checked by the patch itself: only what is
        on can be turned off.
        """
        wanted = list(places)
        return await self._lower(
            token, lambda visit: lowering(visit.chosen, wanted), untrack=untrack, mail=mail
        )

    async def _found(self, token: str) -> tuple[UnsubscribeTicket, str] | None:
        """The ticket in the token, with its user; None for one that is not signed by us, or whose user was erased."""
        ticket = self._links.read(token)
        user = None if ticket is None else await self._keys.user_of(ticket.key)
        return None if ticket is None or user is None else (ticket, user)

    async def _of(self, user: str, mail: str | None) -> str | None:
        """The mail, if it is one of the user's own; None else: whoever has the link can write another id
        behind it. Raises `StorageError`.
        """
        told = None if mail is None else await self._mails(mail)
        return mail if told is not None and user_of(told.room) == user else None

    async def _lower(
        self,
        token: str,
        turn_off: Callable[[UnsubscribeVisit], dict[str, Any]],
        *,
        untrack: bool = False,
        mail: str | None = None,
    ) -> UnsubscribeVisit | None:
        """Choose what `turn_off` says of what is on now; asked again where somebody else chooses at the same moment.

        In this order: the choice is kept, then it is looked at again, then the user is told. A crash before
        the last leaves the user untold, and what was turned off is off.
        """
        for _ in range(ATTEMPTS):
            before = await self.visit(token)
            patch = {} if before is None else turn_off(before)
            if before is not None and untrack and before.chosen.preferences.tracking:
                patch["tracking"] = False
            # Nothing is left to be turned off: a second click tells nobody anything.
            if before is None or not patch:
                return before
            kept = before.chosen.preferences
            of = await self._of(before.user, mail)
            try:
                await self._choices.choose(
                    Choice(user=before.user, patch=patch, by=LINK, mail=of, version=kept.version)
                )
            except VersionMismatch:
                # Somebody else was faster; what is on now may be something else.
                continue
            after = await self.visit(token)
            if after is not None:
                after = replace(after, is_new=True)
                undo = way_back(undoing(kept.document, patch), self._catalog.current)
                await self._tell(Lowered(visit=after, patch=patch, undo=undo))
            return after
        raise StoreUnavailable("the preferences are changed by many at once")

    def _shown(self, ticket: UnsubscribeTicket, chosen: PreferenceGrid) -> UnsubscribeVisit:
        """What the page shows for a ticket. The category is found by trying each: a link holds a hash of it, and no name."""
        catalog = self._catalog.current
        keys = [] if catalog is None else ordered(catalog)
        category = next((key for key in keys if scope(key) == ticket.scope), None)
        lines = [line_of(key, chosen) for key in keys]
        return UnsubscribeVisit(
            user=chosen.user,
            category=category,
            name=chosen.names.get(category or "", ""),
            chosen=chosen,
            lines=tuple(line for line in lines if line is not None),
            wants_email=chosen.preferences.document.get("channels", {}).get("email") is not False,
            tells_opens=catalog is not None and catalog.tells_opens,
        )


def _leaving(visit: UnsubscribeVisit) -> dict[str, Any]:
    """The patch that turns off what the link itself is about; mail only, for it came by mail."""
    return {} if visit.category is None else lowering(beneath(visit.chosen), [(visit.category, "email")])
