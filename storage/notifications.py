"""A notification, and what is kept with it: its words in other languages, its place in a chain, and who has asked for it.

What an emit makes are structs, which are made in a quarter of a dataclass's time. None can be part of a cycle, so the
garbage collector need not know of them.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct

from storage.mail import Mail
from storage.rhythms import Rhythm


class Action(Struct, frozen=True, array_like=True, gc=False):
    """A button of a notification: pressed once by each reader, and then answered.

    `id` is what a client says when it is pressed, and is told apart from others of the same notification only.
    """

    id: str
    label: str
    link: str | None = None
    """Where pressing it leads; None: nowhere."""
    style: str = "default"


class Words(Struct, frozen=True, array_like=True, gc=False):
    """The texts of a notification in one language.

    As an array it takes less room in the store: a new field goes to the end, and has a default.
    """

    title: str
    body: str = ""
    link: str | None = None
    actions: tuple[Action, ...] = ()
    image: str | None = None


class Entry(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What was made of a notification when it was emitted, by the catalog, its switches and its sender: later ones change nothing of it."""

    category: str | None = None
    """None for a type that the catalog did not have; so are the next two."""
    locale: str | None = None
    """The language that its texts are in."""
    timezone: str | None = None
    """The zone that they, and its mail, tell the time in; None where they tell none."""
    catalog_version: str | None = None
    translations: dict[str, Words] = {}
    """The texts in other languages, for a room whose readers have several."""
    actions: tuple[Action, ...] = ()
    image: str | None = None
    """Where its picture is."""
    hidden_by: str | None = None
    """The rule by which it is not shown in-app."""
    hidden_why: str | None = None
    """The same in words."""
    rhythm: Rhythm | None = None
    """How often its mail may come, as its sender has said."""
    variant: str | None = None
    """Which of several ways to say it this is; None where there is one."""
    trial: str | None = None
    """The experiment that this variant has fallen to its reader in; None where it has not by lot."""


class Collapse(Struct, frozen=True, gc=False):
    """That a notification stands for the older ones of its room under the same key, as `storage.collapsing` says."""

    key: str
    count: int = 1
    """How many it stands for, itself included; `append` knows."""


class Notification(Struct, frozen=True, kw_only=True, gc=False):
    """A fact addressed to one room. `seq` is None before it is appended, and for ever if not shown in-app."""

    id: str
    room: str
    type: str
    title: str
    created_at: datetime
    seq: int | None = None
    body: str = ""
    link: str | None = None
    data: Mapping[str, Any]
    expires_at: datetime | None = None
    recalled_at: datetime | None = None
    """Set when it was recalled; its texts and data are gone then, its place in the stream stays."""
    in_app: bool = True
    mail: Mail | None = None
    entry: Entry | None = None
    """None for a type that the catalog did not have, that no switch held up, and that its sender said nothing of."""
    collapse: Collapse | None = None
    """None for what stands by itself, and for what is not shown any more."""
    superseded_by: str | None = None
    """The id of the newer one that stands for it: it is kept, and shown to nobody."""

    @property
    def locale(self) -> str | None:
        """The language of its words; None where nobody knows."""
        return None if self.entry is None else self.entry.locale


class Origin(Struct, frozen=True, gc=False):
    """Who has asked for an emission, and by which request."""

    by: str
    """A service's name; of people no more than what they are."""
    request_id: str | None = None
    """None where it was not asked over HTTP."""
