"""The items of a digest, each decided again: what of it is told, and what is left out by which rule.

`closing` asks as it closes one, `opened` for a look.
"""

from collections.abc import Sequence
from datetime import datetime

from gateway.catalog.channels import EMAIL
from gateway.ground.rooms import user_of
from gateway.notify.deciding.decision import Judge
from gateway.notify.deciding.verdicts import Case, Moment, Skip
from storage import digests as shelf
from storage.endings import Skipped
from storage.errors import StorageError
from storage.mail import Unless
from storage.notifications import Notification

PAGE = 200
"""Items that are decided together: each gate asks once for all of them."""
# Rules of their own beside the gates': what has expired or was recalled keeps its mail, gathered, until its
# digest closes.
EXPIRED, RECALLED = "expired", "recalled"
"""Rules that are no gates: there is nothing left to tell."""


class DigestItems:
    """Reads items and decides for them, a page at a time. Raises `StorageError`. It keeps and writes nothing."""

    def __init__(self, digests: shelf.Digests, judge: Judge) -> None:
        self._digests = digests
        self._judge = judge

    async def page(
        self, digest_id: str, *, before: Notification | None, now: datetime
    ) -> tuple[list[tuple[Notification, Skipped | None]], Notification | None]:
        """The next page, newest first, each with why it is not told, if it is not; and what the page after it is `before`.

        That is None when there is none after it.
        """
        page = await self._digests.items(digest_id, before=before, limit=PAGE)
        return await self._decide(page, now), page[-1] if len(page) == PAGE else None

    async def _decide(
        self, items: Sequence[Notification], now: datetime
    ) -> list[tuple[Notification, Skipped | None]]:
        """Each with why it is not told, if it is not.

        A delay or a merge is no reason here: the mail that tells them all is held by its own rules as it
        leaves.
        """
        judged = await self._judge.judge([_case(item, now) for item in items], Moment.CLOSING)
        found: list[tuple[Notification, Skipped | None]] = []
        for item, outcome in zip(items, judged, strict=True):
            if isinstance(outcome, StorageError):
                # All or none: a page that is decided in half would be told in half.
                raise outcome
            verdict = outcome.verdict
            why = _gone(item, now)
            if why is None and isinstance(verdict, Skip):
                why = Skipped(rule=verdict.rule, reason=verdict.detail)
            found.append((item, why))
        return found


def _case(item: Notification, now: datetime) -> Case:
    """An item in question: whatever its sender has asked for, what was seen is not told again."""
    assert item.mail is not None
    order = item.mail.order
    return Case(
        type=item.type,
        user=user_of(item.room),
        room=item.room,
        channel=EMAIL,
        now=now,
        due_at=now,
        notification_id=item.id,
        to=order.to,
        unless=Unless.SEEN,
        lane=order.lane,
    )


def _gone(item: Notification, now: datetime) -> Skipped | None:
    """Why there is nothing left to tell of it, whatever the gates say."""
    if item.recalled_at is not None:
        return Skipped(rule=RECALLED, reason="it was recalled")
    if item.expires_at is not None and item.expires_at <= now:
        return Skipped(rule=EXPIRED, reason="it has expired")
    return None
