"""What of the operations is written down: ids, names and numbers. No address, no words, and of a person the id alone.

The operations of `gateway.protocol.offered` name these functions as their `audit`. They get what was parsed
and must not raise: what cannot be described would not be done.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.ground.rooms import user_room
from gateway.notify.people.topics import MembersChange
from gateway.notify.requests import EmitRequest
from gateway.protocol.operation import AuditRule
from gateway.protocol.preferences import ChoiceRequest

NAMED = 20
"""Of many ids, those that are written down."""


def _itself(asked: str) -> str:
    """What was asked is an id by itself."""
    return asked


def _only_one(asked: Sequence[str]) -> str | None:
    """The id, where it is one; with several the deed has no single target."""
    return asked[0] if len(asked) == 1 else None


def _some(ids: Sequence[str]) -> list[str]:
    """The first ones; a deed is not to be as long as a request."""
    return list(ids[:NAMED])


def _of_ids(asked: Sequence[str]) -> Mapping[str, Any]:
    """How many there were, and some of them."""
    return {} if len(asked) == 1 else {"count": len(asked), "ids": _some(asked)}


def _choice(asked: ChoiceRequest) -> Mapping[str, Any]:
    """The names of what was changed, without the values."""
    # What a person has chosen is theirs; of what, is not.
    return {"fields": sorted(asked.patch)}


OF_ID = AuditRule(target=_itself)
"""It is done to what has the id that is asked."""
OF_IDS = AuditRule(target=_only_one, detail=_of_ids)
"""It is done to each of these."""
OF_ALL = AuditRule()
"""It is done to no one thing."""
OF_USER = AuditRule(target=user_room)
"""It is done to the user who is asked."""
OF_CHOICE = AuditRule(target=lambda asked: user_room(asked.user), detail=_choice)
"""What was chosen for a user."""


def of_address(address: str, scope: str | None) -> Mapping[str, Any]:
    """Of an address only the domain: the rest is a person's."""
    return {"domain": address.rpartition("@")[2], "scope": scope}


def room_of(asked: EmitRequest) -> str | None:
    """The room, where there is one."""
    return asked.rooms[0] if len(asked.rooms) == 1 else None


def emit(asked: EmitRequest) -> Mapping[str, Any]:
    """The type, and how many rooms if several; neither words nor data."""
    return {"type": asked.type} if len(asked.rooms) == 1 else {"type": asked.type, "rooms": len(asked.rooms)}


def members(asked: MembersChange) -> Mapping[str, Any]:
    """Who came and who went, some of each."""
    return {"added": _some(asked.add), "removed": _some(asked.remove)}
