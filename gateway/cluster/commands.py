"""Commands: what one node has the others do. They travel on the bus as small JSON objects with a `do`.

A field that a command gets later needs a default, and what is not known here is left aside: nodes of two releases work
together while one replaces the other.

A kind that one part sends and carries out stands beside that part. Those that go from one room to another
stand here, where both see them.

The bus carries them and `gateway.cluster.switchboard` hands them out. Here they only have a form. A command
may be lost, as everything on the bus: whoever sends one must not depend on its being carried out everywhere.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache, reduce
from operator import or_
from typing import Any, TypeVar

import msgspec

NAMED_AT_ONCE = 100
"""Users, connections or notifications that one command names; ids being what they are, it stays below the largest that
the bus takes.
"""
T = TypeVar("T")


@lru_cache(maxsize=1)
def _decoder() -> "msgspec.json.Decoder[Command]":
    """Of all the kinds that are defined. Thousands of commands a second come to every node, so it is made once for all.

    A kind that is defined later empties the cache. A process that hears the bus imports all its parts before
    it starts, and so knows all their kinds.
    """
    return msgspec.json.Decoder(reduce(or_, Command.__subclasses__()))


class Command(msgspec.Struct, frozen=True, tag_field="do"):
    """What is to be done at every node that hears it. Never changed once it is made.

    Its fields are what msgspec can read from JSON. It must stay below 64 KiB; the bus takes no larger.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        _decoder.cache_clear()


def parts(named: Sequence[T]) -> Iterator[tuple[T, ...]]:
    """What is to be named to all nodes, in order, in parts for a command each; none of nothing."""
    for first in range(0, len(named), NAMED_AT_ONCE):
        yield tuple(named[first : first + NAMED_AT_ONCE])


class Disconnect(Command, frozen=True, tag="disconnect"):
    """End all connections of the user."""

    user: str
    detail: str | None = None
    """Why, for the logs of whoever sends it; no client is told."""


class Erase(Command, frozen=True, tag="erase"):
    """Forget the user, who was erased from the store, and end the user's connections."""

    user: str


class Erased(Command, frozen=True, tag="erased"):
    """Know that the store holds nothing of the user any more."""

    user: str


class Recount(Command, frozen=True, tag="recount"):
    """Tell the users in the room how many notifications are unread for them now."""

    room: str


class CameBack(Command, frozen=True, tag="back"):
    """Tell these users what has come back to them from a snooze."""

    items: tuple[tuple[str, str], ...]
    """A user, and the id of a notification."""


class TopicsChanged(Command, frozen=True, tag="topics"):
    """Know that the store gives these users other topics than it did."""

    users: tuple[str, ...]
    revision: int
    """Of all memberships, after the change."""


class PreferencesChanged(Command, frozen=True, tag="preferences"):
    """Know that the user has chosen something else."""

    user: str


class Unknown(msgspec.Struct, frozen=True):
    """A command that this release does not know, or knows with other fields. It is told in the log, seldom."""

    name: str


class UnreadableCommand(ValueError):
    """It is no command at all.

    Nothing that a node has written; it is counted by the bus.
    """


class _Head(msgspec.Struct):
    """As much of a command as all releases agree on."""

    do: str


_head = msgspec.json.Decoder(_Head)
_encoder = msgspec.json.Encoder()


def encode(command: Command) -> bytes:
    """The JSON of a command."""
    return _encoder.encode(command)


def decode(text: bytes) -> Command | Unknown:
    """The command that another node has encoded. Raises `UnreadableCommand`.

    `Unknown` is no error: nodes of a newer release say what this one does not know.
    """
    try:
        return _decoder().decode(text)
    except msgspec.ValidationError:
        return Unknown(_name(text))
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise UnreadableCommand from error


def _name(text: bytes) -> str:
    """What the command is called that could not be read. Raises `UnreadableCommand` where it has no `do`."""
    try:
        return _head.decode(text).do
    except msgspec.ValidationError as error:
        raise UnreadableCommand from error
