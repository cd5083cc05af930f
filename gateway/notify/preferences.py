"""Preferences: what a person has chosen, what holds of that for each type and channel, and what a change makes of it.

Pure. Of what may be chosen the catalog tells; what was chosen of types and categories that it does not have any more is kept
and holds nothing. An off-switch of a channel wins over all but what is critical; below it the most specific choice counts: of
the type, of its category, and then what the catalog says. So nothing is deleted when a channel is turned off, and turning it on
again brings the old choices back.

`choosing` keeps what is chosen, `preference_book` has it at hand for decisions, the gates `preferences`,
`quiet` and `digest` go by it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal

from gateway.catalog.channels import CHANNELS, Channel

if TYPE_CHECKING:
    from gateway.catalog.catalog import Catalog
    from gateway.catalog.kinds import NotificationType

Json = Mapping[str, Any]
Value = bool | Literal["daily", "weekly"]
"""Whether a channel is wanted; of email also that it is wanted in a digest of the day, or of the week."""
_NONE: Final[Json] = MappingProxyType({})
_NOTHING_REFUSED: Final[frozenset[str]] = frozenset()
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""As `date.weekday` counts them: `mon` is 0."""


class CellOrigin(StrEnum):
    """What a cell of the grid comes from."""

    TYPE = "type"  # chosen for the type
    CATEGORY = "category"  # chosen for its category
    DEFAULT = "default"  # the catalog's word: nothing was chosen
    CHANNEL = "channel"  # the channel is switched off as a whole
    LOCKED = "locked"  # critical: nobody can choose
    OPT_IN = "opt_in"  # its category waits for a yes, and nothing was chosen


@dataclass(frozen=True, slots=True)
class Cell:
    """What holds for one channel of one type.

    It is made anew for each question, out of the document and the catalog of that moment.
    """

    value: Value
    origin: CellOrigin

    @property
    def is_locked(self) -> bool:
        return self.origin is CellOrigin.LOCKED

    @property
    def is_refused(self) -> bool:
        """Whether the person has said no, or has not said the yes that it takes.

        That the catalog has no yes of its own is no such word.
        """
        return not self.value and self.origin not in (CellOrigin.DEFAULT, CellOrigin.LOCKED)


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From when to when by the clock on the person's wall no mail is wanted; over midnight where the end comes first."""

    start: time
    """A time on the wall, without a zone: which one it is of is found when it is asked for."""
    end: time
    days: tuple[str, ...] = WEEKDAYS
    """The days on which the hours begin."""


@dataclass(frozen=True, slots=True)
class PreferenceRow:
    """A type with what holds for each of its channels."""

    type: "NotificationType"
    cells: Mapping[Channel, Cell]


@dataclass(frozen=True, slots=True, kw_only=True, weakref_slot=True)
class UserPreferences:
    """What a person has chosen: nothing, unless it is here.

    Nobody changes one once it is made, so books and answers share it. A document is stored by its first
    choice, and its version counts the changes.
    """

    document: Json = field(default_factory=lambda: _NONE)
    """As it is kept: `channels`, `categories`, `types`, `timezone`, `locale`, `quiet_hours`, `tracking`."""
    version: int = 0
    """0: nothing was ever chosen."""

    @property
    def timezone(self) -> str | None:
        """A name such as `Europe/Berlin`; None where the person has chosen none."""
        return self.document.get("timezone")

    @property
    def locale(self) -> str | None:
        """The language that the person has chosen; None: what contacts know counts."""
        return self.document.get("locale")

    @property
    def tracking(self) -> bool:
        """Whether the person has agreed that it is known which links in mail they follow."""
        return self.document.get("tracking") is True

    @property
    def quiet_hours(self) -> QuietHours | None:
        """The hours that the person has chosen; None where there are none. What is kept was checked as it was chosen."""
        hours = self.document.get("quiet_hours")
        if hours is None:
            return None
        return QuietHours(
            time.fromisoformat(hours["start"]),
            time.fromisoformat(hours["end"]),
            tuple(hours.get("days", WEEKDAYS)),
        )

    def cell(self, type_: "NotificationType | None", name: str, channel: Channel) -> Cell:
        """What holds for the channel of the type called `name`; `type_` is None where the catalog does not have it.

        Of an unknown type the choice by its name counts, and the channel's switch; it has no category. Where
        the category waits for a yes to mail, nothing chosen is a no. Where mail of the type never comes in digests,
        to want it in one is to want it.
        """
        by_default = _default(type_, channel)
        if type_ is not None and type_.critical:
            return Cell(by_default, CellOrigin.LOCKED)
        chosen = self.document.get
        if chosen("channels", _NONE).get(channel) is False:
            return Cell(False, CellOrigin.CHANNEL)  # noqa: FBT003 - the value of a cell
        value = chosen("types", _NONE).get(name, _NONE).get(channel)
        if value is not None:
            return Cell(_often(value, type_), CellOrigin.TYPE)
        if type_ is not None:
            value = chosen("categories", _NONE).get(type_.category, _NONE).get(channel)
            if value is not None:
                return Cell(_often(value, type_), CellOrigin.CATEGORY)
        if channel == "email" and type_ is not None and type_.opt_in:
            return Cell(False, CellOrigin.OPT_IN)  # noqa: FBT003 - the value of a cell
        return Cell(by_default, CellOrigin.DEFAULT)

    def refused(self, catalog: "Catalog", channel: Channel) -> frozenset[str]:
        """The types of the catalog that the person has said no to by this channel."""
        if not self.refuses_by(channel):
            return _NOTHING_REFUSED
        return frozenset(
            name for name, type_ in catalog.types.items() if self.cell(type_, name, channel).is_refused
        )

    def refuses_by(self, channel: Channel) -> bool:
        """Whether the document has any no for the channel: most who have chosen something have chosen of mail.

        It is a cheap first look: it says yes also where the catalog has locked what was refused, and it does
        not know of a category that waits for a yes.
        """
        chosen = self.document.get
        return chosen("channels", _NONE).get(channel) is False or any(
            channels.get(channel) is False
            for name in ("categories", "types")
            for channels in chosen(name, _NONE).values()
        )

    def grid(self, catalog: "Catalog | None") -> Iterator[PreferenceRow]:
        """What holds for every type of the catalog, by its category and name."""
        if catalog is None:
            return
        places = {key: place for place, key in enumerate(ordered(catalog))}
        for type_ in sorted(catalog.types.values(), key=lambda each: (places[each.category], each.name)):
            yield PreferenceRow(
                type_, {channel: self.cell(type_, type_.name, channel) for channel in CHANNELS}
            )


@dataclass(frozen=True, slots=True)
class Consent:
    """A yes to mail that a person has given elsewhere, and the proof of it."""

    at: datetime
    source: str
    """Where and how, in the words of whoever has it; kept with the change."""


NOTHING = UserPreferences()
"""The preferences of a person who has chosen nothing."""


class LockedPreference(Exception):
    """A choice was asked for where there is none: of a type, or of a category with nothing else in it, that is critical.

    Nothing of the patch is kept then, also of what could be chosen.
    """

    def __init__(self, places: list[str]) -> None:
        super().__init__(f"cannot be chosen: {', '.join(places)}")
        self.places = places
        """Where it was asked for, such as `types.PASSWORD_RESET`."""


class DigestRefused(Exception):
    """Mail was asked for in a digest that always comes by itself.

    Nothing of the patch is kept then.
    """

    def __init__(self, places: list[str]) -> None:
        super().__init__(f"never in a digest: {', '.join(places)}")
        self.places = places
        """Where it was asked for, such as `types.NEWSLETTER.email`."""


class UnknownPreference(Exception):
    """A choice was asked for of a type or a category that the catalog does not have.

    To take such a choice back is allowed: what was chosen before the catalog lost the type must not stay for
    ever.
    """

    def __init__(self, places: list[str]) -> None:
        super().__init__(f"the catalog has no {', '.join(places)}")
        self.places = places
        """Where it was asked for, such as `types.ORDER_SHIPPED` or `categories.deals`."""


def agreeing(chosen: UserPreferences, type_: "NotificationType") -> Json | None:
    """The merge patch of a yes to mail of the type; None where none is waited for: it is mailed anyway, or something was said."""
    cell = chosen.cell(type_, type_.name, "email")
    if cell.value or cell.origin not in (CellOrigin.OPT_IN, CellOrigin.DEFAULT):
        return None
    if cell.origin is CellOrigin.OPT_IN:
        return {"categories": {type_.category: {"email": True}}}
    return {"types": {type_.name: {"email": True}}}


def speaks_of_mail(patch: Json, type_: "NotificationType") -> bool:
    """Whether the patch says anything of mail of the type, also that a choice is taken back."""
    places = (
        ("channels", "email"),
        ("categories", type_.category, "email"),
        ("types", type_.name, "email"),
    )
    return any(_says(patch, place) for place in places)


def _says(patch: Json | None, place: Sequence[str]) -> bool:
    """Whether anything is said in this place, or all that is above it is taken back."""
    if patch is None or not place:
        return True
    first, *rest = place
    return first in patch and _says(patch[first], rest)


def ordered(catalog: "Catalog") -> list[str]:
    """The keys of the categories in the order in which people are shown them."""
    return sorted(catalog.categories, key=lambda key: (catalog.categories[key].order, key))


def merged(document: Json, patch: Json) -> dict[str, Any]:
    """The document after a merge patch (RFC 7396); what says nothing any more is left out."""
    result = dict(document)
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, Mapping):
            before = result.get(name)
            inner = merged(before if isinstance(before, Mapping) else {}, value)
            if inner:
                result[name] = inner
            else:
                result.pop(name, None)
        else:
            result[name] = value
    return result


def replacing(document: Json, wanted: Json) -> dict[str, Any]:
    """The merge patch that makes `wanted` of the document: what is not wanted any more is null in it."""
    patch: dict[str, Any] = {name: None for name in document if name not in wanted}
    for name, value in wanted.items():
        before = document.get(name)
        patch[name] = (
            replacing(before if isinstance(before, Mapping) else {}, value)
            if isinstance(value, Mapping)
            else value
        )
    return patch


def check(patch: Json, catalog: "Catalog | None") -> None:
    """Raise `LockedPreference`, `UnknownPreference` or `DigestRefused` for what cannot be chosen.

    To choose nothing, as null does, one always can.

    It looks at places, and whether a digest is asked for; that the values are right was seen as the request was parsed.
    """
    unknown: list[str] = []
    locked: list[str] = []
    types = {} if catalog is None else catalog.types
    categories = {} if catalog is None else catalog.categories
    choosable = {type_.category for type_ in types.values() if not type_.critical}
    for name in _chosen(patch, "types"):
        if name not in types:
            unknown.append(f"types.{name}")
        elif types[name].critical:
            locked.append(f"types.{name}")
    for key in _chosen(patch, "categories"):
        if key not in categories:
            unknown.append(f"categories.{key}")
        # A category without any type is open: there is nothing in it that could be critical.
        elif key not in choosable and any(type_.category == key for type_ in types.values()):
            locked.append(f"categories.{key}")
    if unknown:
        raise UnknownPreference(unknown)
    if locked:
        raise LockedPreference(locked)
    alone = refused_digests(patch, catalog)
    if alone:
        raise DigestRefused(alone)


def refused_digests(patch: Json, catalog: "Catalog | None") -> list[str]:
    """Where mail is wanted in a digest that comes in none: `types.NEWSLETTER.email`, or a category of nothing else."""
    types = {} if catalog is None else catalog.types
    free = [type_ for type_ in types.values() if not type_.critical]
    alone = {type_.name for type_ in free if not type_.in_digests}
    gathered = {type_.category for type_ in free if type_.in_digests}
    categories = {type_.category for type_ in free} - gathered
    return [
        *(f"types.{name}.email" for name in _in_digests(patch, "types") if name in alone),
        *(f"categories.{key}.email" for key in _in_digests(patch, "categories") if key in categories),
    ]


def _chosen(patch: Json, name: str) -> list[str]:
    """The keys under which something is chosen, and not only taken back."""
    return [
        key
        for key, channels in (patch.get(name) or _NONE).items()
        if channels is not None and any(value is not None for value in channels.values())
    ]


def _in_digests(patch: Json, name: str) -> list[str]:
    """The keys under which mail is wanted in a digest."""
    return [
        key
        for key, channels in (patch.get(name) or _NONE).items()
        if isinstance((channels or _NONE).get("email"), str)
    ]


def _often(value: Value, type_: "NotificationType | None") -> Value:
    """What comes of a choice: of mail that always comes by itself, a digest is a yes."""
    is_alone = type_ is not None and not type_.in_digests
    return True if is_alone and isinstance(value, str) else value


def _default(type_: "NotificationType | None", channel: Channel) -> bool:
    """What the catalog says of the channel. A type that it does not have uses every channel that its sender asks for."""
    if type_ is None:
        return True
    if channel == "in_app":
        return type_.in_app
    return type_.email is not None and type_.email.default
