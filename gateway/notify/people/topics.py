"""Topics that backends give to users, beside those that the users' tokens name: who is a member, and who hears of a change.

A membership is a row of the store. That the user's sessions are moved into the room, or out of it, each node
does itself when it hears of it (`gateway.sockets.memberships`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from gateway.cluster.bus.base import Bus
from gateway.cluster.commands import NAMED_AT_ONCE, TopicsChanged, parts
from gateway.ground.clock import Clock
from gateway.ground.parts import Part
from gateway.ground.rooms import topic_room
from storage.coalescing import Coalescer
from storage.topics import Changed, Full, MembersPage, Topics, TopicsPage

LOOKUPS_TOGETHER = 500
"""Users that one question to the store looks up."""
LOOKUPS_WAITING = 50_000
"""Sessions that may wait to be told their topics; more are turned away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MembersChange:
    """Whom to put into a topic, and whom to take out."""

    topic: str
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MembersRequest:
    """A page of a topic's members, by user id."""

    topic: str
    prefix: str = ""
    after: str | None = None
    """The cursor of the page before."""
    limit: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicsRequest:
    """A page of the topics that have members, by name."""

    prefix: str = ""
    after: str | None = None
    limit: int = 200
    counted: bool = False
    """Whether it is to be said how many members each has."""


class TooManyTopics(Exception):
    """A change that would give users more topics than a user may have.

    Nothing of the change is kept. `users` are those who are full, as many as the store names.
    """

    def __init__(self, users: Sequence[str]) -> None:
        super().__init__("a user has as many topics as one may")
        self.users = tuple(users)


class TopicBook(Part):
    """The use cases of memberships. They raise `StoreUnavailable` when the store is away.

    As long as the store has never had a member, nobody is looked up: `in_use` tells. A node learns that it is from the first
    change, and from `learn`, whatever the bus has lost.

    It keeps no memberships: each look-up asks. Of users that come at once, as after a restart of a node, one
    question is asked for many.
    """

    def __init__(self, topics: Topics, *, bus: Bus, clock: Clock) -> None:
        self.in_use = False
        """Whether the store has ever had a member, as far as this node knows; it never goes back to False."""
        self._topics = topics
        self._bus = bus
        self._clock = clock
        # Users who come at once are looked up together.
        self._lookups: Coalescer[str, tuple[str, ...]] = Coalescer(
            self._look_up, name="topics", batch_weight=LOOKUPS_TOGETHER, queue_weight=LOOKUPS_WAITING
        )

    async def start(self) -> None:
        """Learn whether there are any. Raises `StorageError`: without that nobody may come in."""
        await self.learn()

    async def stop(self) -> None:
        await self._lookups.close()

    async def learn(self) -> int:
        """The revision of all memberships in the store. By it a node finds that it has missed a change."""
        revision = await self._topics.revision()
        self.in_use = self.in_use or revision > 0
        return revision

    async def of(self, user: str) -> tuple[str, ...]:
        """The topics that backends have given to the user.

        It is asked at each connect; beyond `LOOKUPS_WAITING` it raises `StoreUnavailable`, and the connect is
        refused.
        """
        return await self._lookups.ask(user) if self.in_use else ()

    async def of_many(self, users: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
        """The same of many, by user; who has none is absent."""
        return await self._topics.of_users(users) if self.in_use else {}

    async def since(self, user: str) -> Mapping[str, datetime]:
        """The topics of the user by name, with the time since when."""
        return await self._topics.of_user(user)

    async def members(self, asked: MembersRequest) -> MembersPage:
        """A page of a topic's members, by user id."""
        return await self._topics.members(
            asked.topic, prefix=asked.prefix, after=asked.after, limit=asked.limit
        )

    async def named(self, asked: TopicsRequest) -> TopicsPage:
        """A page of topics; with `counted` a further question tells how many members each has."""
        page = await self._topics.named(prefix=asked.prefix, after=asked.after, limit=asked.limit)
        return replace(page, members=await self._topics.counts(page.topics)) if asked.counted else page

    async def change(self, asked: MembersChange) -> Changed:
        """Change who is a member, on every node's live connections too. Raises `TooManyTopics`.

        All of it or nothing. Repeated it changes nothing, and the nodes are told again.
        """
        changed = await self._topics.change(
            asked.topic,
            room=topic_room(asked.topic),
            add=asked.add,
            remove=asked.remove,
            now=self._clock(),
        )
        if isinstance(changed, Full):
            raise TooManyTopics(changed.users)
        # Also when nothing has changed: a node may have died between storing it and telling of it.
        users = (*asked.add, *asked.remove)
        # In parts that the bus takes. Of several none has the revision, so that a node which has missed one looks at all.
        revision = changed.revision if len(users) <= NAMED_AT_ONCE else 0
        for some in parts(users):
            await self._bus.order_all(TopicsChanged(some, revision))
        return changed

    async def _look_up(self, users: list[str]) -> list[tuple[str, ...]]:
        """The topics of each, in order; one who comes twice is asked for once."""
        found = await self._topics.of_users(list(dict.fromkeys(users)))
        return [found.get(user, ()) for user in users]
