"""What became of notifications and mails, as events: each is told once, by its key.

Whoever tells one again changes nothing. So what tells of an event may do so again after a crash. No event names a person,
or an address: there is nothing of people here to be erased or shown.
"""

import hashlib
import uuid
from collections.abc import Collection, Iterable
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from msgspec import Struct

DIMENSIONS = ("type", "channel", "lane", "campaign", "rule", "variant")
"""By what events can be told apart, in the order of `Series`."""


class Outcome(StrEnum):
    """What became of a notification, or of a mail. New ones go to the end: stores keep the place."""

    EMITTED = "emitted"  # it was stored, to be shown in-app
    DELIVERED = "delivered"  # it was written to a connection; of mail: its recipient's server has said so
    SEEN = "seen"
    READ = "read"
    CLICKED = "clicked"
    ACCEPTED = "accepted"  # a mail is owed
    SENT = "sent"  # the relay took it
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    SKIPPED = "skipped"  # by a rule
    DEAD = "dead"


OUTCOMES = tuple(Outcome)


class StatsChannel(StrEnum):
    """By where it was said; a room of many is counted by itself, as its readers are many for one notification."""

    IN_APP = "in_app"  # in the room of one person
    SHARED = "shared"  # in a room of many
    EMAIL = "email"


class Series(NamedTuple):
    """What is counted by itself. Empty is what does not apply.

    As a tuple it is a key of counts in memory, and its fields in order are the columns of a roll-up.
    """

    type: str
    channel: str
    lane: str = ""
    campaign: str = ""
    rule: str = ""
    """By which it was skipped."""
    variant: str = ""
    """Which of several ways to say it this was: a type's, or a campaign's."""


class Event(Struct, frozen=True, kw_only=True, gc=False):
    """That something became of a notification or a mail; or of so many, where only their number is told."""

    key: bytes
    """`key_of_one`, or `key_of_many`."""
    at: datetime
    series: Series
    outcome: Outcome
    count: int = 1

    @property
    def about(self) -> str | None:
        """The id of the notification or mail; None of one that tells a number, or of an id that is no UUID."""
        return str(uuid.UUID(bytes=self.key[1:17])) if self.key[:1] == _ONE else None


class Alike(Struct, frozen=True, kw_only=True, gc=False):
    """Events that have all but their keys in common, as most have that happen together."""

    keys: list[bytes]
    """One at least, and all of one length."""
    at: datetime
    series: Series
    outcome: Outcome
    count: int = 1
    """What each of them tells."""

    def each(self) -> list[Event]:
        """The same, each by itself."""
        return [
            Event(key=key, at=self.at, series=self.series, outcome=self.outcome, count=self.count)
            for key in self.keys
        ]


Happened = Event | Alike


def together(happened: Iterable[Happened]) -> list[Alike]:
    """The same, in the same order: those that follow one another and are alike as one."""
    found: list[Alike] = []
    last: Event | None = None
    for each in happened:
        if isinstance(each, Alike):
            last = None
            found.append(each)
        elif (
            last is not None
            and (each.at, each.series, each.outcome) == (last.at, last.series, last.outcome)
            and each.count == last.count
            and len(each.key) == len(last.key)
        ):
            found[-1].keys.append(each.key)
        else:
            last = each
            found.append(
                Alike(keys=[each.key], at=each.at, series=each.series, outcome=each.outcome, count=each.count)
            )
    return found


def number_of(happened: Happened) -> int:
    """How many events it is."""
    return len(happened.keys) if isinstance(happened, Alike) else 1


_ONE, _NAMED, _MANY = b"\x01", b"\x02", b"\x03"
_LENGTH = 18
"""Bytes of a key that names no reader."""
_CODES = {outcome: bytes([place]) for place, outcome in enumerate(OUTCOMES)}


def key_of_one(about: str, outcome: Outcome, reader: bytes = b"") -> bytes:
    """The key of what became of one notification or mail; of one in a shared room, for a reader of it.

    17 bytes and the outcome's, and those of `reader`. An id that is no UUID is hashed: two such ids have one key as good as
    never. `reader` is bytes that tell readers of a room apart, and name none of them.
    """
    return _name(about) + _CODES[outcome] + reader


def keys_of_each(about: Collection[str], outcome: Outcome) -> list[bytes]:
    """`key_of_one` of many to which the same has come, in their order."""
    code = _CODES[outcome]
    try:
        keys = [_ONE + bytes.fromhex(each.replace("-", "")) + code for each in about]
    except ValueError:
        keys = []
    # All are of UUIDs, but for what others have given ids to: then each is looked at.
    return keys if {*map(len, keys)} == {_LENGTH} else [_name(each) + code for each in about]


def _name(about: str) -> bytes:
    """The 17 bytes that an id is known by."""
    try:
        name = bytes.fromhex(about.replace("-", ""))
    except ValueError:
        name = b""
    if len(name) == 16:
        return _ONE + name
    return _NAMED + hashlib.blake2b(about.encode(errors="replace"), digest_size=16).digest()


def key_of_many(batch: bytes, place: int) -> bytes:
    """The key of a number, which is one of those that its process has told together.

    `batch` is made anew for each telling and kept until the store has answered, so that a repeated telling has the same
    keys. `place` is less than 2**32.
    """
    return _MANY + batch + place.to_bytes(4)
