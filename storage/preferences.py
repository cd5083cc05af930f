"""The shelf of preferences: which notifications each user wants, and the proof of who has chosen so, and when.

What a document means is not this shelf's business: it keeps a JSON object and its version.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

CHANGES_KEPT = 200
"""Of each user, the newest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPreferences:
    """What a user has chosen.

    Whoever has chosen nothing has none: that is not the same as an empty document.
    """

    document: Mapping[str, Any]
    version: int
    """1 for the first, and one more with each change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferenceChange:
    """One change: who has asked for what, and when.

    It is the proof of a consent or of its withdrawal, so it says what was asked and not what came of it. Erasing the user
    takes it along.
    """

    version: int
    """That it has made."""
    at: datetime
    by: str
    mail: str | None = None
    """The id of the notification whose mail it came from, if it came from one."""
    asked: Mapping[str, Any]


class Preferences(Protocol):
    """What users have chosen.

    There is one document a user, and it is replaced as a whole, by whoever has read the version before. So of two who
    change it at once one is told so, reads again, and asks again.
    """

    async def of_users(self, users: Sequence[str]) -> dict[str, StoredPreferences]:
        """Those of many, by user, in one query; who has chosen nothing is absent.

        It is asked for whoever is sent something, so it is a look-up by keys. Ids that no store could hold are absent.
        """
        ...

    async def put(self, user: str, document: Mapping[str, Any], change: PreferenceChange) -> bool:
        """Replace the document and keep the change, in one step, if the version before is the one before the change's.

        False, and nothing is kept, when it is not: somebody else was faster.

        Durable when it answers. Of the changes the newest `CHANGES_KEPT` stay. A caller that hears `StoreUnavailable` reads
        again: its own version may be there.
        """
        ...

    async def changes(self, user: str, *, limit: int) -> tuple[PreferenceChange, ...]:
        """The newest changes, newest first.

        At most `CHANGES_KEPT`, whatever the limit.
        """
        ...

    async def users(self, *, after: str, limit: int) -> list[str]:
        """Users who have chosen anything, by id, those behind `after`.

        Fewer than `limit` is the end.
        """
        ...

    async def changed_since(self, at: datetime, *, limit: int) -> dict[str, int]:
        """Users whose preferences were last changed at `at` or later, the latest first and `limit` at most, with the
        version that each has now.

        A node that remembers preferences asks this after it may have missed some news. `limit` answers say that there
        may be more: then it forgets all.
        """
        ...
