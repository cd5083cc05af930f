"""Preferences: what a person has chosen, and what holds of that for each type and channel.

Pure. Of what may be chosen the catalog tells; what was chosen of types and categories that it does not have any more is kept
and holds nothing. An off-switch of a channel wins over all but what is critical; below it the most specific choice counts: of
the type, of its category, and then what the catalog says. So nothing is deleted when a channel is turned off, and turning it on
again brings the old choices back.

`patches` says what a change makes of it, `choosing` keeps what is chosen, `book` has it at hand for decisions, the
gates `preferences`, `quiet` and `digest` go by it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal

from gateway.catalog.channels import CHANNELS, Channel

if TYPE_CHECKING:
    from gateway.catalog.catalog import Catalog
    from gateway.catalog.kinds import NotificationType

PreferenceJson = Mapping[str, Any]
Value = bool | Literal["daily", "weekly"]
"""Whether a channel is wanted; of email also that it is wanted in a digest of the day, or of the week."""
_NONE: Final[PreferenceJson] = MappingProxyType({})
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

    document: PreferenceJson = field(default_factory=lambda: _NONE)
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


def ordered(catalog: "Catalog") -> list[str]:
    """The keys of the categories in the order in which people are shown them."""
    return sorted(catalog.categories, key=lambda key: (catalog.categories[key].order, key))


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
