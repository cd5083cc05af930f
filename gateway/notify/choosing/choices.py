"""Choosing: what people are shown of their preferences, and what becomes of a choice.

It writes; the rules are in `preferences.chosen` and `preferences.patches`, which are pure, and those who decide look
things up in `preferences.book`, which keeps what it has read. Users come here by HTTP and by their session, links in mails
through `leaving`, and admins by HTTP.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gateway.catalog.channels import Channel
from gateway.catalog.live import LiveCatalog
from gateway.cluster.bus.base import Bus
from gateway.cluster.commands import PreferencesChanged
from gateway.ground.clock import Clock
from gateway.ground.encoding import Json, time
from gateway.ground.rooms import user_room
from gateway.notify.delivery.fanout import Fanout
from gateway.notify.preferences.chosen import NOTHING, Consent, PreferenceRow, UserPreferences
from gateway.notify.preferences.patches import agreeing, check, merged, replacing, speaks_of_mail
from gateway.notify.wording.languages import Languages
from storage import preferences as shelf
from storage.errors import StoreUnavailable
from storage.preferences import CHANGES_KEPT, PreferenceChange

if TYPE_CHECKING:
    from gateway.catalog.kinds import NotificationType

ATTEMPTS = 10
"""To change what others change at the same moment: each lost race reads anew. Beyond them `StoreUnavailable` is raised."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferenceGrid:
    """What a person has chosen, and what holds of it by the catalog in force.

    It is an answer, made for one question; a reload of the catalog a moment later makes another.
    """

    user: str
    preferences: UserPreferences
    grid: tuple[PreferenceRow, ...]
    """Every type of the catalog, in the order in which people are shown them; empty without a catalog."""
    locale: str | None
    """The language that the person reads, if anybody knows."""
    names: Mapping[str, str]
    """The names of the categories in that language, by the key of each."""
    type_names: Mapping[str, str]
    """The same of those types that the catalog has names for."""
    locales: tuple[str, ...]
    """The languages that the catalog has words in, its own first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What is to be chosen, and who asks for it."""

    user: str
    patch: Mapping[str, Any]
    """A merge patch (RFC 7396)."""
    by: str
    """Who has chosen, as the caller is named, or `link`. It is kept with the change."""
    mail: str | None = None
    """The id of the notification whose mail it comes from, if it comes from one."""
    version: int | None = None
    """The version that the patch was made for; None: whatever version there is."""
    anew: bool = False
    """Whether what was chosen before is dropped, so that only the patch holds."""
    consent: Consent | None = None
    """What proves that it was asked for, where it was asked for elsewhere."""


class VersionMismatch(Exception):
    """The preferences have another version than the choice was made for.

    `version` is the one that holds now, so that the client can read again and ask once more.
    """

    def __init__(self, version: int) -> None:
        super().__init__(f"the preferences are of version {version}")
        self.version = version


class HalfQuiet(Exception):
    """Quiet hours that have a start or an end, and not both.

    It is looked at in what the document would become, not in the patch: half of them may be there already.
    """


class Choices:
    """The use cases of preferences. They raise `StoreUnavailable` when the store is away.

    Reading asks the store each time and never `preferences.book`: whoever has just chosen must see it, and the
    book of this node hears of the choice a moment later.
    """

    def __init__(
        self,
        preferences: shelf.Preferences,
        *,
        catalog: LiveCatalog,
        languages: Languages,
        fanout: Fanout,
        bus: Bus,
        clock: Clock,
    ) -> None:
        self._preferences = preferences
        self._catalog = catalog
        self._languages = languages
        self._fanout = fanout
        self._bus = bus
        self._clock = clock

    async def show(self, user: str) -> PreferenceGrid:
        """What the user has chosen, and what holds of it. A user whom nobody knows has chosen nothing."""
        return await self._chosen(user, await self._of(user))

    async def choose(self, choice: Choice) -> PreferenceGrid:
        """Keep the choice with who made it, and have every node and every connection of the user know.

        Raises `LockedPreference`, `UnknownPreference`, `DigestRefused`, `HalfQuiet`, and `VersionMismatch`
        where a version is given.

        The document is changed by comparing and setting its version, so of two at once both count, one after
        the other. A choice that changes nothing writes nothing, counts no version and is told to nobody: it
        may be repeated.

        A crash after it is kept and before the nodes are told leaves it kept; each book finds it by itself
        within half a minute.
        """
        # Once, before any look at the store: it depends on the patch and the catalog alone.
        check(choice.patch, self._catalog.current)
        for _ in range(ATTEMPTS):
            before = await self._of(choice.user)
            if choice.version not in (None, before.version):
                raise VersionMismatch(before.version)
            patch = replacing(before.document, choice.patch) if choice.anew else choice.patch
            document = merged(before.document, patch)
            hours = document.get("quiet_hours")
            if hours is not None and not hours.keys() >= {"start", "end"}:
                raise HalfQuiet
            # Before a version is used up for it: a page that sends the same again must not make its other
            # tabs ask anew.
            if document == dict(before.document):
                return await self._chosen(choice.user, before)
            change = PreferenceChange(
                version=before.version + 1,
                at=self._clock(),
                by=choice.by,
                mail=choice.mail,
                asked=_asked(patch, choice.consent),
            )
            if await self._preferences.put(choice.user, document, change):
                chosen = await self._chosen(
                    choice.user, UserPreferences(document=document, version=change.version)
                )
                # First: whoever hears of the choice finds that it holds.
                await self._bus.order_all(PreferencesChanged(choice.user))
                await self._fanout.transient(user_room(choice.user), "preferences", shown(chosen))
                return chosen
        raise StoreUnavailable("the preferences are changed by many at once")

    async def agree(self, user: str, type_: "NotificationType", consent: Consent, *, by: str) -> bool:
        """Have a yes to mail of the type that was given elsewhere count, where one is waited for; whether it does by this.

        It goes over nothing that the person has said: no choice that holds, and none that was made, or taken back, since.
        May be repeated.
        """
        for _ in range(ATTEMPTS):
            chosen = await self._of(user)
            patch = agreeing(chosen, type_)
            if patch is None:
                return False
            changes = await self._preferences.changes(user, limit=CHANGES_KEPT) if chosen.version else ()
            if any(each.at >= consent.at and speaks_of_mail(each.asked, type_) for each in changes):
                return False
            choice = Choice(user=user, patch=patch, by=by, version=chosen.version, consent=consent)
            with suppress(VersionMismatch):
                await self.choose(choice)
                return True
        raise StoreUnavailable("the preferences are changed by many at once")

    async def changes(self, user: str, *, limit: int) -> tuple[PreferenceChange, ...]:
        """Who has changed what, newest first."""
        return await self._preferences.changes(user, limit=limit)

    async def _of(self, user: str) -> UserPreferences:
        """What the store has now; `NOTHING` for who has none."""
        # Of the store itself: what is kept here may be older than the choice.
        kept = (await self._preferences.of_users([user])).get(user)
        return NOTHING if kept is None else UserPreferences(document=kept.document, version=kept.version)

    async def _chosen(self, user: str, preferences: UserPreferences) -> PreferenceGrid:
        """What a user has chosen beside what there is to choose, named in the user's language.

        The language chosen here goes before what tokens and backends have told, which costs a look only where
        none was chosen.
        """
        catalog = self._catalog.current
        locale = preferences.locale or (await self._languages.of([user])).get(user)
        names: dict[str, str] = {}
        type_names: dict[str, str] = {}
        if catalog is not None:
            default = catalog.default_locale
            names = {
                key: category.name(locale or default, default) for key, category in catalog.categories.items()
            }
            type_names = {
                type_.name: name
                for type_ in catalog.types.values()
                if (name := type_.called(locale or default, default)) is not None
            }
        return PreferenceGrid(
            user=user,
            preferences=preferences,
            grid=tuple(preferences.grid(catalog)),
            locale=locale,
            names=names,
            type_names=type_names,
            locales=() if catalog is None else catalog.locales(),
        )


def _asked(patch: Mapping[str, Any], consent: Consent | None) -> Mapping[str, Any]:
    """What is kept of a choice as its proof: also what was taken back by leaving it out."""
    if consent is None:
        return patch
    return {**patch, "consent": {"at": time(consent.at), "source": consent.source}}


def shown(value: PreferenceGrid) -> Json:
    """What a person has chosen, with what holds of it for each type and channel, as it is sent to that person.

    What the document does not have is filled in with what says nothing, so that clients need not ask whether
    a field is there.
    """
    return {
        "channels": {},
        "categories": {},
        "types": {},
        "timezone": None,
        "locale": None,
        "quiet_hours": None,
        "tracking": None,
        **value.preferences.document,
        "version": value.preferences.version,
        "locales": list(value.locales),
        "grid": [
            {
                "category": row.type.category,
                "name": value.names[row.type.category],
                "type": row.type.name,
                "type_name": value.type_names.get(row.type.name),
                "channels": {channel: _cell(row, channel) for channel in row.cells},
            }
            for row in value.grid
        ],
    }


def _cell(row: PreferenceRow, channel: Channel) -> Json:
    """What holds for one channel of a type. That its mail comes in no digest is told only where that is so."""
    cell = row.cells[channel]
    told: Json = {"value": cell.value, "from": cell.origin, "locked": cell.is_locked}
    if channel == "email" and not row.type.in_digests:
        told["digests"] = False
    return told
