"""What a connection says of itself: what it has had, by which token it goes on, and whether it watches.

The parsers are made for the namespaces alone, and raise `Invalid`.
"""

from collections.abc import Collection, Mapping

from auth.tokens import TOKEN_CHARACTERS_MAX
from gateway.protocol.asking.basics import OneFieldSchema
from gateway.protocol.fields import StrictBoolean, Text
from gateway.protocol.parsing import Invalid, parser
from gateway.protocol.soundness import INTEGER_MAX

EPOCH = "epoch"
"""The name under which `since` has the epoch; no room can have it."""
EPOCH_CHARACTERS = 64
"""An epoch is shorter; a longer text is none."""


class WatchSchema(OneFieldSchema):
    """Whether to watch from now on, or no more."""

    on = StrictBoolean(required=True)


class TokenSchema(OneFieldSchema):
    """A newer token for a connection that goes on."""

    token = Text(r"[!-~]*", "a token", longest=TOKEN_CHARACTERS_MAX, required=True)
    """As the user's own backend has signed it; it is verified by who is asked."""


token = parser(TokenSchema())


def since(value: object, rooms: Collection[str]) -> dict[str, int]:
    """The last sequence had of each of `rooms`; other rooms are left out, as one may have lost a topic.

    A null, which a client notes that writes down the `seq` of what is not stored, tells nothing of what it had: it
    becomes a sequence that no room has reached, and so a resync.

    Raises `Invalid` for what is no object and for what is no sequence. `INTEGER_MAX` is more than any room
    has, so the store puts the room into `resync`.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise Invalid({"since": ["Must be an object of rooms and sequences."]})
    heads = {room: INTEGER_MAX if value[room] is None else value[room] for room in rooms if room in value}
    for seq in heads.values():
        if isinstance(seq, bool) or not isinstance(seq, int) or not 0 <= seq <= INTEGER_MAX:
            raise Invalid({"since": ["Sequences must be whole numbers, 0 or more."]})
    return heads


def epoch(since: object) -> str | None:
    """The epoch that a `since` was counted in, if it says: it stands among the rooms, none of which has that name.

    Raises `Invalid` for what is no short text. None from clients that do not say, whose sequences are
    believed.
    """
    value = since.get(EPOCH) if isinstance(since, Mapping) else None
    if value is not None and not (isinstance(value, str) and len(value) <= EPOCH_CHARACTERS):
        raise Invalid({"since": ["The epoch must be the text that `ready` gave."]})
    return value
