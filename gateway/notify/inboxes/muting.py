"""Muting: which types a person does not want to be shown, where they come to many: in topics, in `all`, in rooms of a role.

Such a room is one stream for all its readers. So nothing is left out of it for one: what is muted is left out of what that
reader is shown and of what counts as unread. In the person's own room the gate `preferences` decides at each emit.

The store leaves it out (`storage.inboxes.Muted`); here it is only said what. Sessions keep what they were
told, and ask again when the bus or the catalog changes it (`gateway.sockets.muting`).
"""

from typing import Protocol

from gateway.catalog.channels import IN_APP
from gateway.catalog.live import LiveCatalog
from gateway.ground.rooms import user_room
from gateway.notify.preferences.chosen import UserPreferences
from storage.histories import Muted


class Chosen(Protocol):
    """What users have chosen: `gateway.notify.preferences.book.PreferenceBook`."""

    def may_have_chosen(self, user: str) -> bool:
        """False where it is known that the user has chosen nothing. Never waits."""
        ...

    async def of(self, user: str) -> UserPreferences:
        """What the user has chosen. Raises `StorageError`."""
        ...


class Mutes:
    """Knows of each user what is muted now, by what was chosen and by the catalog in force.

    It keeps nothing: the same question a moment later may have another answer, and `Reading.counted` looks
    for that.
    """

    def __init__(self, catalog: LiveCatalog, chosen: Chosen) -> None:
        self._catalog = catalog
        self._chosen = chosen

    def may_have(self, user: str) -> bool:
        """False where it is known here that the user has muted nothing: nothing has to be asked."""
        return self._catalog.current is not None and self._chosen.may_have_chosen(user)

    async def of(self, user: str) -> Muted | None:
        """What the user has muted; None for who has muted nothing, as nearly all have. Raises `StorageError`.

        Types that the catalog does not have cannot be muted; nor can what is critical.
        """
        catalog = self._catalog.current
        if catalog is None or not self._chosen.may_have_chosen(user):
            return None
        types = (await self._chosen.of(user)).refused(catalog, IN_APP)
        return Muted(types=types, own=user_room(user)) if types else None
