"""Whereabouts: the time zone in which each user lives, as far as anybody has told it."""

from collections.abc import Mapping, Sequence
from datetime import tzinfo

from gateway.ground.zones import zone
from gateway.notify.preferences import NOTHING, Preferences
from gateway.notify.verdicts import Sources


async def zones_of(
    sources: Sources, users: Sequence[str], chosen: Mapping[str, Preferences] | None = None
) -> dict[str, tzinfo]:
    """The zone that each user has chosen, else what a backend has told, else the gateway's. Raises `StorageError`.

    `chosen` are the users' preferences, where they are at hand.
    """
    if chosen is None:
        chosen = await sources.preferences.of_many(users)
    named = {user: chosen.get(user, NOTHING).timezone for user in users}
    unknown = [user for user, name in named.items() if name is None]
    if unknown:
        contacts = await sources.contacts.contacts(unknown)
        named |= {user: contact.timezone for user, contact in contacts.items()}
    return {user: zone(name or "") or sources.zone for user, name in named.items()}
