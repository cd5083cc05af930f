"""Whereabouts: the time zone in which each user lives, as far as anybody has told it.

Three rules go by a user's wall clock: quiet hours, digests at a time of day, and emits and campaigns at a
local time. They all ask here, so that they go by the same one.
"""

from collections.abc import Mapping, Sequence
from datetime import tzinfo

from gateway.ground.zones import zone
from gateway.notify.deciding.sources import Sources
from gateway.notify.preferences.chosen import NOTHING, UserPreferences


async def zones_of(
    sources: Sources, users: Sequence[str], chosen: Mapping[str, UserPreferences] | None = None
) -> dict[str, tzinfo]:
    """The zone that each user has chosen, else what a backend has told, else the gateway's. Raises `StorageError`.

    `chosen` are the users' preferences, where they are at hand.

    Every user that was asked for is in the answer. A name that this machine has no zone of counts as none
    told. At most two questions, and none where all have chosen.
    """
    if chosen is None:
        chosen = await sources.preferences.of_many(users)
    named = {user: chosen.get(user, NOTHING).timezone for user in users}
    unknown = [user for user, name in named.items() if name is None]
    if unknown:
        contacts = await sources.contacts.contacts(unknown)
        named |= {user: contact.timezone for user, contact in contacts.items()}
    return {user: zone(name or "") or sources.zone for user, name in named.items()}
