"""The shelf of what is owed to people by a channel beside the socket, and of what became of it.

An obligation is of one notification, of many, or of none. A notification's own mail is stored with it, in one step, and has
its id. What else is owed stands by itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from storage.courses import Course
from storage.endings import Ending, Settled
from storage.mail import LaneName, MailState
from storage.notifications import Notification
from storage.obligations import Lease, Obligation, Subject

ORPHAN_AGE = timedelta(hours=1)
"""How long an obligation waits for the notification that it is of."""
ORPHAN_LOOK = timedelta(minutes=1)
"""Between two looks whether that has come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailSearch:
    """Which mail is asked for: all that is said must hold, and what is None is not asked.

    An address matches in any case of its letters. One that was erased is no longer found by the address.
    """

    state: MailState | None = None
    addresses: tuple[str, ...] = ()
    """One address in the forms that it may have been written in, whatever their case; empty: any."""
    room: str | None = None
    """Of the notification whose own it is; of what stands by itself, the person's own."""
    of: str | None = None
    """The notification, digest or campaign that it is of, or the obligation itself."""
    since: datetime | None = None
    """Owed then or later."""
    until: datetime | None = None
    """Owed before."""


ANY = MailSearch()


@dataclass(frozen=True, slots=True, kw_only=True)
class MailPage:
    items: tuple[Notification, ...]
    """What was to be told, with its `mail`, in the order that was asked for. What stands by itself has the id of its obligation."""
    next: str | None


class Outbox(Protocol):
    """What is owed. It is `pending`, then `leased`, then `sent`, `skipped`, `gathered` into a digest, or `dead`; what is heard
    of it after it was sent are states too (`MailState`).

    Each mail is in one state, and each change of it is one write that is durable when it answers, but for `Gathered`,
    which is a transaction. Whoever holds a lease is the only one that ends it; admins change what nobody holds.

    At least once: between the transport's yes and `end` a worker may die, and when its lease ends another one sends the
    mail again. No order is promised between mails of the same moment.
    """

    async def owe(self, obligations: Sequence[Obligation]) -> int:
        """Store what stands by itself, durably; answers how many were new. An id that is known is left as it is.

        Of a notification it may be stored before that is: `lease` passes over it until then, for `ORPHAN_AGE`. So a crash
        between the two loses nothing, and sends nothing of what was not stored.

        Not all or nothing: after an error some may be stored, and the whole may be repeated.
        """
        ...

    async def lease(self, *, lane: LaneName, limit: int, lease_seconds: float, now: datetime) -> list[Lease]:
        """Take up to `limit` due mails of the lane, oldest due first, for this caller alone until `now + lease_seconds`.

        Takes those pending with `due_at <= now`, and those whose lease has ended. No mail has two live leases. Each
        lease counts one attempt. Mail of a recalled or expired notification is skipped instead, with its reason.

        By the caller's clock, as are the other workers' leases: clocks that differ by more than a lease have mail sent
        twice. A worker takes fewer than `limit` although more are due when others take them first. What is skipped, or
        waits for its notification, counts for nothing and is looked past.
        """
        ...

    async def prolong(self, lease: Lease, *, lease_seconds: float, now: datetime) -> bool:
        """The work on it goes on: held until `now + lease_seconds`, under the same token. False as in `end`.

        A lease that has ended is prolonged too, as long as nobody else has taken the mail.

        It counts no attempt, and changes nothing else.
        """
        ...

    async def end(self, lease: Lease, ending: Ending, *, now: datetime) -> bool:
        """What became of it. False, and no change, when the lease is no longer this token's.

        `Sent`, `Skipped` and `Buried` are final, but what is buried can be revived. `Postponed` makes it `pending` again,
        due at its `until`; the attempt is given back unless it is counted. `Released` makes it `pending`, uncounted, and
        due as before. `Gathered` is of a notification's own mail: it makes it an item of an open digest, and opens that
        where none is, in one transaction; a digest that is full with it is due at once.

        It may not be repeated to find out: the token is gone with the first, so a second answers False. A caller that hears
        `StoreUnavailable` knows nothing, and waits for the lease to end.
        """
        ...

    async def end_together(self, endings: Sequence[tuple[Lease, Settled]], *, now: datetime) -> list[bool]:
        """What became of several mails, each once: answers as `end` would for each, in order, in as few writes as can be.

        Each is ended for itself. Of those that were ended before an error is raised, nothing is known.
        """
        ...

    async def claim(self, lease: Lease, key: str, *, limit: int, since: datetime, now: datetime) -> bool:
        """Whether the leased mail, a notification's own, is one of the `limit` that may be sent under `key` since that
        time.

        If it is, it counts from now on, for as long as it is under way or sent. However many claim at once, no more than
        `limit` may.

        The look and the write are one step, across all processes. The mail that asks is never counted against itself,
        so one that has claimed, has failed and comes again may. What is skipped, dead or waiting counts no more.
        """
        ...

    async def counted(self, key: str, *, since: datetime, besides: str | None = None) -> int:
        """How many mails that claimed under `key` since that time are under way or sent, one left out.

        `besides` is the mail that asks: it may have claimed before, have failed, and be under way again.

        It is a look only, and decides nothing by itself: between it and the sending others may claim. `since` itself is
        not in it.
        """
        ...

    async def find(self, obligation_id: str) -> Notification | None:
        """What is or was to be told by this obligation, with its mail and under its id; None when that is not there.

        Its id is the obligation's, which is the notification's for its own mail.
        """
        ...

    async def courses(self, ids: Sequence[str]) -> Mapping[str, Course]:
        """The courses of these obligations, by id; what is not there is absent.

        A mail that was sent at its first attempt is there, with no steps. None that was erased has any.
        """
        ...

    async def subject(self, obligation_id: str) -> Subject | None:
        """What the obligation is of; a notification's own mail is of that. None when it is not there.

        It is kept for as long as the obligation is, also when what it is of was pruned.
        """
        ...

    async def taken_as(self, relay_key: str) -> str | None:
        """The id of the obligation whose mail the relay took under this key; None when that is none, or more than one.

        Relays give ids for a while and not for ever: two mails of one key say that neither can be meant.
        """
        ...

    async def came_back(
        self, obligation_id: str, state: MailState, *, reason: str | None, now: datetime
    ) -> bool:
        """What was heard of a mail after it was sent: one of `AFTER_SENT`, which outweighs what was heard before.

        False, and no change, for a mail that was not sent, or of which as much or more is known.

        Idempotent, and in any order: a complaint outweighs a bounce, and a bounce the delivery. It is a step of the
        course, with the reason.
        """
        ...

    async def revive(self, ids: Sequence[str], *, now: datetime) -> list[str]:
        """Put dead mail back to `pending`, due now, attempts 0; answers the ids that were dead.

        Each for itself, in the order of `ids`. It keeps its id, and so its Message-ID: what was sent after all is known
        by that to be the same. A campaign's mail is not told to the campaign here: `Campaigns.revived` is.
        """
        ...

    async def hasten(self, ids: Sequence[str], *, now: datetime) -> list[str]:
        """Have pending mail due now, and `HASTENED`; answers the ids that were pending.

        It waits for no rule any more; what it is sent unless, and whether the address may be written to, is still
        asked. Of a campaign that is paused it is put off again.
        """
        ...

    async def drop(self, ids: Sequence[str], *, rule: str, reason: str, now: datetime) -> list[str]:
        """Skip pending mail; answers the ids that were pending.

        What a worker holds cannot be dropped, and is not in the answer. Idempotent.
        """
        ...

    async def held(self, *, after: str | None, limit: int) -> MailPage:
        """What a rule holds, the earliest due first. Raises `InvalidCursor` for an `after` that no page gave.

        A rule holds what is `pending` and `decided_by` it, but `HASTENED`. What a rule has let go since, and is due, is
        here until a worker takes it.
        """
        ...

    async def of_room(self, room: str, *, limit: int) -> tuple[Notification, ...]:
        """What stands by itself and is or was owed to the user of this room, newest first, with its mail.

        It is part of what a user is told of themselves. Of the mail that is stored with notifications there is nothing
        here.
        """
        ...

    async def next_due(self, *, lane: LaneName) -> datetime | None:
        """When the earliest owed mail of the lane is due or its lease ends; None when nothing is owed.

        It is what a worker sleeps until. Mail that is owed meanwhile may be due earlier.
        """
        ...

    async def mail_page(self, search: MailSearch, *, before: str | None, limit: int) -> MailPage:
        """What was or is owed, newest first by when it came to be owed. Raises `InvalidCursor` as `history` does.

        What it looks through is found by an index: the mail of the address, else of the room, else of the notification, else of the
        state, within the times.

        What else is asked is looked at one by one. It may be read from where it lags.
        """
        ...

    async def mail_counts(self) -> dict[MailState, int]:
        """How many mails are in each state.

        Every state is in it, also with 0. It goes through an index of all mail: not for every second.
        """
        ...
