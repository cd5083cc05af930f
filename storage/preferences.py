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
class Kept:
    """What a user has chosen."""

    document: Mapping[str, Any]
    version: int
    """1 for the first, and one more with each change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change: who has asked for what, and when."""

    version: int
    """That it has made."""
    at: datetime
    by: str
    mail: str | None = None
    """The id of the notification whose mail it came from, if it came from one."""
    asked: Mapping[str, Any]


class Preferences(Protocol):
    """What users have chosen."""

    async def of_users(self, users: Sequence[str]) -> dict[str, Kept]:
        """Those of many, by user, in one query; who has chosen nothing is absent."""
        ...

    async def put(self, user: str, document: Mapping[str, Any], change: Change) -> bool:
        """Replace the document and keep the change, in one step, if the version before is the one before the change's.

        False, and nothing is kept, when it is not: somebody else was faster.
        """
        ...

    async def changes(self, user: str, *, limit: int) -> tuple[Change, ...]:
        """The newest changes, newest first."""
        ...

    async def users(self, *, after: str, limit: int) -> list[str]:
        """Users who have chosen anything, by id, those behind `after`."""
        ...

    async def changed_since(self, at: datetime, *, limit: int) -> dict[str, int]:
        """Users whose preferences were last changed at `at` or later, the latest first and `limit` at most, with the
        version that each has now.
        """
        ...
