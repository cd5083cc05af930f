"""Leaving: what the links in mails can do, without a login. They show what their user is sent, and can only lower it.

A link may be forwarded, and a scanner may follow it. So it shows no name, no address and no history; it turns nothing on; and the
user is told in the app of what was turned off, with the way back.

`mailer.unsubscribe` makes and reads the links, `choosing` keeps the choice, and `gateway.http.unsubscribe`
has the pages. `WaysOut`, at the end, is the other side: it puts the link on a mail that leaves.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from gateway.catalog.channels import CHANNELS, Channel
from gateway.catalog.live import LiveCatalog
from gateway.catalog.own import DIGEST
from gateway.ground.rooms import user_of
from gateway.notify.choosing import ATTEMPTS, Choice, Choices, PreferenceGrid, VersionMismatch
from gateway.notify.preferences import CellOrigin, PreferenceRow, Value, ordered, refused_digests
from mailer.unsubscribe import UnsubscribeLinks, UnsubscribeTicket, scope
from storage.errors import StoreUnavailable
from storage.links import Links
from storage.notifications import Notification

if TYPE_CHECKING:
    from gateway.catalog.catalog import Catalog

MAIL = "m"
"""The name in the query of a link that tells the mail in which the link stands: whoever says no says so because of that one."""
LINK = "link"
"""Who has chosen, in the changes of preferences, when it was a link."""

Place = tuple[str | None, Channel]
"""A category by its key, a type by its name, which never coincide, or None for all that is not critical; and a
channel of it.
"""


@dataclass(frozen=True, slots=True)
class CategoryLine:
    """A category, or a type of one, as the page shows it."""

    key: str
    """The key of the category, or the name of the type."""
    name: str
    """In the person's language, as far as the catalog speaks it."""
    cells: Mapping[Channel, Value | None]
    """Whether anything of it is sent, and if only in digests, how often; None where nobody can choose."""
    kinds: tuple["CategoryLine", ...] = ()
    """The types of a category that has several: they may be turned off one by one."""


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

Tell = Callable[[Lowered], Awaitable[None]]
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
        tell: Tell,
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

        What RFC 8058 posts, and what the page's own button does. A link whose category the catalog has no
        more turns nothing off.
        """
        return await self._lower(token, _scope_of, mail=mail)

    async def lead(self, token: str) -> bool:
        """As `leave`, for who has written a letter to the link's address; False for a link that leads to nobody."""
        return await self.leave(token) is not None

    async def lower(
        self, token: str, places: Iterable[Place], *, untrack: bool = False, mail: str | None = None
    ) -> UnsubscribeVisit | None:
        """Turn off what is sent in these places; what is off, or cannot be chosen, stays as it is.

        With `untrack` nobody may know any more which links in mail the user follows, nor what mail is opened.

        Answers as `leave` does. What comes from the page's form is checked by the patch itself: only what is
        on can be turned off.
        """
        wanted = list(places)
        return await self._lower(token, lambda _: wanted, untrack=untrack, mail=mail)

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
        places: Callable[[UnsubscribeVisit], Iterable[Place]],
        *,
        untrack: bool = False,
        mail: str | None = None,
    ) -> UnsubscribeVisit | None:
        """Turn off what `places` says of what is on now; asked again where somebody else chooses at the same moment.

        In this order: the choice is kept, then it is looked at again, then the user is told. A crash before
        the last leaves the user untold, and what was turned off is off.
        """
        for _ in range(ATTEMPTS):
            before = await self.visit(token)
            patch = {} if before is None else _lowering(before.chosen, places(before))
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
                undo = _choosable(undoing(kept.document, patch), self._catalog.current)
                await self._tell(Lowered(visit=after, patch=patch, undo=undo))
            return after
        raise StoreUnavailable("the preferences are changed by many at once")

    def _shown(self, ticket: UnsubscribeTicket, chosen: PreferenceGrid) -> UnsubscribeVisit:
        """What the page shows for a ticket. The category is found by trying each: a link holds a hash of it, and no name."""
        catalog = self._catalog.current
        keys = [] if catalog is None else ordered(catalog)
        category = next((key for key in keys if scope(key) == ticket.scope), None)
        lines = [_line(key, chosen) for key in keys]
        return UnsubscribeVisit(
            user=chosen.user,
            category=category,
            name=chosen.names.get(category or "", ""),
            chosen=chosen,
            lines=tuple(line for line in lines if line is not None),
            wants_email=chosen.preferences.document.get("channels", {}).get("email") is not False,
            tells_opens=catalog is not None and catalog.tells_opens,
        )


def _scope_of(visit: UnsubscribeVisit) -> list[Place]:
    """What the link itself is about; mail only, for it came by mail."""
    return [] if visit.category is None else [(visit.category, "email")]


def undoing(document: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """The merge patch that brings back what the document had where `patch` changes it.

    What was not there is None in it, which takes it out again.
    """
    return {
        name: undoing(document.get(name) or {}, value) if isinstance(value, Mapping) else document.get(name)
        for name, value in patch.items()
    }


def _choosable(undo: dict[str, Any], catalog: "Catalog | None") -> dict[str, Any]:
    """The way back as it may be chosen now: of mail that came in digests, and does no more, a plain yes."""
    for place in refused_digests(undo, catalog):
        name, key, channel = place.split(".")
        undo[name][key][channel] = True
    return undo


def _line(key: str, chosen: PreferenceGrid) -> CategoryLine | None:
    """A category with what its cells come to; None for one that has no types."""
    rows = [row for row in chosen.grid if row.type.category == key]
    if not rows:
        return None
    cells: dict[Channel, Value | None] = {}
    for channel in CHANNELS:
        values = [_sent(row, channel) for row in rows if not row.cells[channel].is_locked]
        cells[channel] = _loudest(values) if values else None
    kinds = tuple(_kind(row, chosen) for row in rows) if len(rows) > 1 else ()
    return CategoryLine(key, chosen.names[key], cells, kinds)


def _kind(row: PreferenceRow, chosen: PreferenceGrid) -> CategoryLine:
    """A type with what its cells come to."""
    name = row.type.name
    cells = {channel: None if cell.is_locked else _sent(row, channel) for channel, cell in row.cells.items()}
    return CategoryLine(name, called(name, chosen), cells)


def called(type_: str, chosen: PreferenceGrid) -> str:
    """What people are shown for a type: `ORDER_UPDATE` is "Order update" where the catalog has no name for it."""
    return chosen.type_names.get(type_) or type_.replace("_", " ").capitalize()


def _sent(row: PreferenceRow, channel: Channel) -> Value:
    """What of it may be sent.

    Mail that a type does not send by itself comes when its sender asks for it, unless it was refused.
    """
    cell = row.cells[channel]
    if channel == "email" and row.type.email is not None and cell.origin is CellOrigin.DEFAULT:
        return True
    return cell.value


def _loudest(values: Sequence[Value]) -> Value:
    """What is sent at once goes before what is gathered, and that before nothing."""
    return next((value for value in (True, "daily", "weekly") if value in values), False)


def _lowering(chosen: PreferenceGrid, places: Iterable[Place]) -> dict[str, Any]:
    """The merge patch that turns these places off, and nothing on; empty when they are off already."""
    patch: dict[str, Any] = {}
    # By both keys at once: a form may name thousands of places.
    rows_of: dict[str, list[PreferenceRow]] = {}
    for row in chosen.grid:
        rows_of.setdefault(row.type.category, []).append(row)
        rows_of.setdefault(row.type.name, []).append(row)
    for key, channel in places:
        if key is None:
            if chosen.preferences.document.get("channels", {}).get(channel) is not False:
                patch.setdefault("channels", {})[channel] = False
            continue
        rows = [
            row
            for row in rows_of.get(key, ())
            if not row.cells[channel].is_locked
            # Where a yes is waited for nothing is sent, and the no is kept: else a yes from before it would count.
            and (_sent(row, channel) or row.cells[channel].origin is CellOrigin.OPT_IN)
        ]
        # The category, even where only some of its types are on: a type that it gets tomorrow is meant too.
        if any(row.type.category == key for row in rows):
            patch.setdefault("categories", {}).setdefault(key, {})[channel] = False
        for row in rows:
            # What was chosen for the type alone goes before its category.
            if row.type.name == key or row.cells[channel].origin is CellOrigin.TYPE:
                patch.setdefault("types", {}).setdefault(row.type.name, {})[channel] = False
    return patch


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
