"""The shelf of memberships: which users backends have put into which topics, beside those that tokens name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

TOPICS_PER_USER = 100
"""That the store may give a user: each is a room that every connection of the user opens."""
COUNTED = 10_000
"""Members of one topic, when they are counted: so many, or more."""
CHANGED_AT_ONCE = 1_000
"""Users that one change may name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """What a change has made of a topic's members.

    `added` and `removed` are of this call: repeating it after a lost answer tells 0.
    """

    added: int
    """Users who were no members before."""
    removed: int
    revision: int
    """Of the whole shelf, after the change: it rises by one with each, also with one that changes nothing."""


@dataclass(frozen=True, slots=True)
class Full:
    """Nothing was changed: these users would have more topics than a user may.

    They are all that are, so that a caller need not try one by one.
    """

    users: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicMember:
    """A user, and since when a member. Whoever left and came back is one since the coming back."""

    user: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MembersPage:
    """Some members of a topic, by id."""

    members: tuple[TopicMember, ...]
    next: str | None
    """The last user of the page; None at the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicsPage:
    """Some topics, by name."""

    topics: tuple[str, ...]
    next: str | None
    """The last of the page; None at the end."""
    members: Mapping[str, int] = field(default_factory=dict)
    """How many each has, where that was asked for; no more than `COUNTED` are counted."""


class Topics(Protocol):
    """Who is a member of which topic.

    What a user's tokens name comes on top of it, and is not kept here. A member is one until a change or an erasure: no
    membership ends by time.
    """

    async def named(self, *, prefix: str = "", after: str | None, limit: int) -> TopicsPage:
        """The topics that have members, by name, those behind `after`; of those that begin with `prefix`.

        A topic whose last member left is not there.
        """
        ...

    async def change(
        self, topic: str, *, room: str, add: Sequence[str], remove: Sequence[str], now: datetime
    ) -> Changed | Full:
        """Make members of `add`, and none of `remove`; repeating it changes nothing.

        For whoever has never had the topic its `room` begins here: what it holds already is history, and not unread. A
        change that is cut short is made whole by repeating it; until then a member may be one whose room has begun, and
        never one whose room has not.

        A user in both lists is removed. `CHANGED_AT_ONCE` bounds a call; that the caller has to see to. Of two changes
        at once that give a user a topic each, both may count the same, so that one more than `TOPICS_PER_USER` is
        given.
        """
        ...

    async def members(self, topic: str, *, after: str | None, limit: int, prefix: str = "") -> MembersPage:
        """The members in the order of their ids, those behind `after`; of those that begin with `prefix`.

        Fewer than `limit` comes with a `next` of None. Who joins while pages are turned may be on none of them.
        """
        ...

    async def counts(self, topics: Sequence[str]) -> dict[str, int]:
        """How many members each of them has, up to `COUNTED`; 0 for one that has none.

        Each costs by how many are counted, up to that bound.
        """
        ...

    async def of_user(self, user: str) -> Mapping[str, datetime]:
        """The topics that the store gives the user, by name, with the time since when.

        `TOPICS_PER_USER` at most. It is asked at each connect.
        """
        ...

    async def of_users(self, users: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """The topics of many, by user, in one query; who has none is absent.

        `TOPICS_PER_USER` of each at most, by name.
        """
        ...

    async def revision(self) -> int:
        """How many changes there have been; 0 in a store that has never had a member.

        A node compares it to know whether news of a change has got lost. It is raised last: who has read a revision
        finds all that it counts.
        """
        ...
