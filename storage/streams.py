"""The shelf of notifications, each in its room's stream."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from msgspec import Struct

from storage.errors import IdempotencyMismatch
from storage.notifications import Notification, Origin
from storage.searching import Found, FoundPage, Provenance, Search


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotencyKey:
    """It is kept with the notifications of its first emission, and goes with them: after they are pruned it is new."""

    scope: str
    """Whose key it is (the service's name): two services may use the same text."""
    text: str
    fingerprint: bytes
    """A digest of the request: the same key with another fingerprint is a mismatch."""


class Emission(Struct, frozen=True, kw_only=True, gc=False):
    """One request to append: all its notifications or none, once per key.

    The notifications arrive with `id`, `created_at` and, where ordered, a `mail`: PENDING, or from the beginning SKIPPED,
    or LEASED under its `hold`; without `seq`.

    Raises nothing by itself: what no store can hold is found by `Streams.append`.
    """

    notifications: tuple[Notification, ...]
    key: IdempotencyKey | None = None
    origin: Origin | None = None


class Appended(Struct, frozen=True, kw_only=True, gc=False):
    """What an emission became. For a duplicate, the notifications are those of the first time.

    In the order of the emission. With `duplicate` they are as they are now: what was recalled since is wiped.
    """

    notifications: tuple[Notification, ...]
    duplicate: bool = False


class Placed(NamedTuple):
    """Where a notification is, and of what type."""

    room: str
    type: str
    variant: str = ""
    """Empty where it is said in one way."""


class Tried(NamedTuple):
    """What is on trial in a notification."""

    room: str
    trial: str
    variant: str


class Streams(Protocol):
    """Notifications in their rooms.

    A room needs no making: it is there with its first notification. What is immutable is the contents; what may come to a
    notification is to be recalled, to expire, to be superseded, and at last to be pruned.
    """

    async def append(self, emissions: Sequence[Emission]) -> list[Appended | IdempotencyMismatch]:
        """Store the emissions durably and answer each in order.

        When it returns, every answered emission survives a crash of this process and of the store's. Each in-app
        notification has the next sequence of its room: 1, 2, 3 … without gaps, also under concurrent writers in other
        processes, and in the order given. Notifications with `in_app=False` get none. An emission whose key is known
        answers as the first time with `duplicate=True` (an emission of which a crash stored only a part is completed);
        a key known with another fingerprint answers `IdempotencyMismatch` and stores nothing. The same key twice in one
        call counts as known the second time. The number of round trips does not depend on the number of emissions.

        One with a `collapse` key takes the place of what its room shows under the key: that is out of the history and of
        every count at once, its pending mail is skipped, and nobody is ever shown both, nor neither, whatever crashes.

        Raising `StoreUnavailable` means that nothing is known: the caller may retry under the same keys, or with the
        same ids: an emission whose notifications are stored already answers with those, as a duplicate. Raises
        `Unstorable`, having stored nothing, when one of the emissions can never be stored.
        """
        ...

    def learn(self, heads: Mapping[str, int]) -> None:
        """Another process has stored these sequences: for a store that would have to look before it appends.

        What is said must be true, and may be old; it changes no answer.
        """
        ...

    def unlearn(self) -> None:
        """The store was put back to an older state: whatever was learned or remembered of heads is not true any more."""
        ...

    async def heads(self, rooms: Sequence[str]) -> dict[str, int]:
        """The last sequence of each room, 0 for one that never had any; one query for up to 1,000 rooms.

        A head never goes back, but for a store that was put back to an older state.
        """
        ...

    async def span(
        self, room: str, *, after: int, limit: int, now: datetime | None = None
    ) -> list[Notification]:
        """The notifications of `room` with `seq > after`, ascending, at most `limit`.

        Recalled ones are left out, superseded ones, and expired ones: those that `expire` has wiped, with `now` also
        those that await it. A sequence missing below the last one returned was one of these or was
        pruned, and will never come.

        What a transaction or another process is appending right now may be missing from the end, and never from the midst.
        """
        ...

    async def latest(self, *, limit: int, now: datetime) -> "list[Found]":
        """What is shown of the `limit` newest notifications of all rooms, the newest first.

        Recalled and expired ones are left out and not made up for, so that it costs the same however many they are.

        By their ids, which begin with the time. There are fewer than `limit` where some are left out.
        """
        ...

    async def notification(self, notification_id: str) -> Notification | None:
        """One notification with its mail, superseded, recalled or expired ones included.

        None for an unknown id, a pruned one, or one that no store could hold.
        """
        ...

    async def of_room(self, room: str, *, limit: int) -> list[Notification]:
        """The newest of one room with their mail, newest first, shown or not.

        It is part of what a user is told of themselves. Wiped ones tell nothing and are left out; superseded ones kept
        their words and are here.
        """
        ...

    async def placed(self, ids: Sequence[str]) -> dict[str, Placed]:
        """Of each of these that is in a stream, where; one question for up to 1,000.

        What was recalled or has expired still has its place.
        """
        ...

    async def tried(self, ids: Sequence[str]) -> dict[str, Tried]:
        """Of each of these that has a trial, which; shown in-app or not. One question for up to 1,000."""
        ...

    async def provenance(self, notification_id: str) -> Provenance | None:
        """By which call it was emitted, as far as that is kept; None for an unknown id."""
        ...

    async def search(self, asked: Search, *, before: str | None, limit: int) -> FoundPage:
        """A page of what was emitted, newest first, whatever became of it. Raises `InvalidCursor` as `history` does.

        A page looks at `LOOKED_AT` notifications at most, of all or of the room that is asked for, and may have fewer
        than `limit` items and a `next` all the same. What is asked for by its key is found by that alone.
        """
        ...

    async def recall(self, notification_id: str, *, now: datetime) -> Notification | None:
        """Take a notification back: its texts and data are wiped, its sequence stays taken, a pending mail is skipped.

        Answers the wiped notification, or None for an unknown id. Repeating it changes nothing.

        May be cut short and repeated. Mail that a worker holds at that moment may still leave, and what stands by
        itself and waits is skipped too. What a chain showed before is not shown again.
        """
        ...

    async def expire(self, *, now: datetime, limit: int) -> int:
        """Wipe up to `limit` notifications whose `expires_at` has passed, like a recall; answers how many.

        What expired was not recalled: `recalled_at` stays None.

        The longest expired first. Until it comes to one, everything that is told a time leaves that out by itself.
        """
        ...

    async def prune(self, *, before: datetime, limit: int) -> int:
        """Delete up to `limit` notifications made before `before` whose mail, if any, is not owed any more.

        Only the oldest end of a stream is ever removed, so what is left has no holes; the heads stay, so that sequences
        never restart, also when a room is emptied. Their receipts go with them. Answers how many.

        May be cut short anywhere and repeated: the floor of a stream is raised before its notifications go. Mail that
        is owed for an old notification holds up what is behind it in its room, and no other room.
        """
        ...
