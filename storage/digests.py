"""The shelf of digests: which are open for whom, until when, and what they are given when they close.

What is gathered is not here: an item is the mail of its notification, in the state `gathered`, with the id of its digest. So it is
in one digest or in none, whatever crashes. A digest is opened and given its items by `Outbox.end`; here it is closed.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from storage.endings import Skipped
from storage.notifications import Notification
from storage.obligations import Digest, Obligation

FULL = 10_000
"""Items with which a digest is due at once: the next one opens another."""


class Digests(Protocol):
    """Digests are `open`, then `closing` under a lease, then closed. Only what is open is given items.

    Closing one takes several steps of its worker: `lease`, then `items`, `leave_out` and `prolong` as often as need
    be, then `settle`; or, if it is not to close yet, `put_off` instead of these. A worker that dies in between is
    followed by another when the lease ends, which finds the items that were not left out yet. Nothing was sent by then:
    the mail that tells them is owed by `settle` alone, in its transaction.
    """

    async def lead(self, digest: Digest) -> bool:
        """Whether the mail of `digest.lead` is to be sent alone: it opens the digest, or has opened the one that is open.

        `digest` is the one to be opened where none is; its `lead` is set. In one transaction with the look, so that of
        two mails that come at once one leads, and the other is gathered. It may be repeated: whoever has led is told so
        again for as long as that digest is open. An opened one has no items yet, and closes without a mail when none
        come.
        """
        ...

    async def lease(self, *, limit: int, lease_seconds: float, now: datetime) -> tuple[str, list[Digest]]:
        """Take up to `limit` that are to close, oldest first, for this caller alone; answers a token to close them by.

        Takes those open with `closes_at <= now`, and those closing whose lease has ended. None is given an item any more,
        unless it is put off.

        None left gives an empty list, and a token that is good for nothing. A worker that comes back after its lease ended
        finds its token refused by `prolong`, `leave_out` and `settle` once another has taken the digest.
        """
        ...

    async def prolong(self, digest_id: str, *, token: str, lease_seconds: float, now: datetime) -> bool:
        """The work on it goes on: it is this token's until `now + lease_seconds`. False, and no change, when it is not any
        more. A lease that has ended is prolonged too, as long as nobody else has taken the digest.
        """
        ...

    async def put_off(self, digest_id: str, until: datetime, *, token: str) -> bool:
        """Have it close at `until` instead, and be open until then; its `latest_at` is no earlier after it.

        False, and no change, when the lease is no longer this token's. One that is full, or whose key another is open under
        by now, takes no item more: it is leased again at `until` all the same.
        """
        ...

    async def items(
        self, digest_id: str, *, before: Notification | None, limit: int
    ) -> tuple[Notification, ...]:
        """The notifications that are gathered in it, newest first, those behind `before`; also expired ones.

        Newest by when they were made, and then by id. What was recalled meanwhile is not gathered any more, so it is
        not here; what has expired, and was not yet wiped, is.
        """
        ...

    async def leave_out(
        self, digest_id: str, items: Mapping[str, Skipped], *, token: str, now: datetime
    ) -> bool:
        """Skip the mail of these notifications. False, and no change, when the lease is no longer this token's.

        In one transaction with the look at the lease, and idempotent: what is skipped already, or is in no digest any more,
        is passed over. `items` is by the ids of the notifications.
        """
        ...

    async def settle(self, digest_id: str, mail: Obligation | None, *, token: str, now: datetime) -> bool:
        """End it, have what is gathered in it count as told, and owe the mail that tells it, in one transaction.

        `mail` has the digest's id; None: there is nothing to tell. False, and no change, when the lease is no longer this
        token's: so of two who close one, one mail comes.
        """
        ...

    async def next_due(self) -> datetime | None:
        """When the earliest is to close, or its lease ends; None when none is open.

        It is what a worker sleeps until; what is opened meanwhile may be due earlier.
        """
        ...

    async def of_room(self, room: str, *, limit: int) -> Sequence[Digest]:
        """Those open for the room, the first to close first.

        One that is being closed is not among them: it takes nothing any more.
        """
        ...

    async def has_company(self, room: str, *, key: str, rule: str, besides: str, now: datetime) -> bool:
        """Whether a mail that `rule` has held until now is not the only one: another one's own to the room is due that it held as well.

        Or the room's digest under the key is open, whatever has opened it. `besides` is the mail that asks. A mail that a
        worker holds counts, as its worker asks the same of this one: of two that come due at once both are told yes.
        """
        ...

    async def open_count(self) -> int:
        """How many are open or closing, of all users.

        It is a figure for those who watch, and may be read from where it lags.
        """
        ...

    async def prune(self, *, before: datetime, limit: int) -> int:
        """Forget digests that ended before that time, with their mail unless it is still owed; answers how many.

        Up to `limit` of them, the longest ended first. Their items are not touched: these go with their notifications.
        """
        ...
