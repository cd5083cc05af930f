"""Mail that leaves at once: it is stored in the hands of this process's worker, which need not look for it then.

Where somebody waits for a mail, that is two questions to the store less before it leaves. Nothing else is different: what is not begun
here, for whatever reason, is a mail whose lease runs out, and goes to whoever finds it.
"""

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from msgspec import structs

from mailer.courier import Foresee
from storage.mail import Hold, LaneName, MailState
from storage.notifications import Notification
from storage.obligations import Kind, Lease, Subject

LEASE_SECONDS = 15.0
"""Of the first lease, at most: about as late as another worker sees by itself what a process leaves that dies between storing and sending."""

Start = Callable[[Lease, float, float], None]
"""Carries a mail that is leased: since when, by the loop's clock, and for how many seconds."""


class AtOnce:
    """What of one lane is stored in the worker's hands. Each that was taken is either begun or forgone.

    It is the loop's alone, and no question to the store. A mail that is taken and neither begun nor forgone, as its
    process has died, is found by any worker when its hold ends.
    """

    def __init__(
        self,
        lane: LaneName,
        *,
        clock: Callable[[], datetime],
        lease_seconds: float,
        has_room: Callable[[], bool],
        may_try: Callable[[], bool],
        foresee: Foresee,
        start: Start,
        hand_back: Callable[[Lease], None],
        wake: Callable[[], None],
    ) -> None:
        """`has_room` says whether one more may be taken, `may_try` whether one that was may go; else it is handed back.

        `wake` is called when what was taken may have to be looked for.
        """
        self._lane = lane
        self._clock = clock
        self._lease_seconds = min(lease_seconds, LEASE_SECONDS)
        self._has_room = has_room
        self._may_try = may_try
        self._foresee = foresee
        self._start = start
        self._hand_back = hand_back
        self._wake = wake
        self._expected: dict[str, Hold] = {}

    @property
    def expected(self) -> int:
        """How many are being stored."""
        return len(self._expected)

    def take(self, notification: Notification) -> Notification:
        """The notification as it is to be appended: its mail in the worker's hands, if it is due and there is room for it.

        A mail that is not taken comes back as it is. A hold is `LEASE_SECONDS` long at most, from now on: the storing
        is within it.
        """
        mail, now = notification.mail, self._clock()
        if (
            mail is None
            or mail.state is not MailState.PENDING
            or mail.order.lane is not self._lane
            or mail.due_at > now
            # Of a chain the newest alone is told: whoever looks for it sees which that is.
            or notification.collapse is not None
            or not self._has_room()
        ):
            return notification
        hold = Hold(token=uuid.uuid4().hex, until=now + timedelta(seconds=self._lease_seconds))
        self._expected[notification.id] = hold
        # While it is being stored.
        self._foresee([mail.order.to])
        return structs.replace(
            notification, mail=replace(mail, state=MailState.LEASED, attempts=1, hold=hold)
        )

    def begin(self, notification: Notification) -> None:
        """It is stored: the mail goes out, if it was taken.

        What was not taken is nothing to it. When the storing has outlasted the hold, another may have the mail: then
        the worker is woken, and looks for it like any other.
        """
        hold, mail = self._expected.pop(notification.id, None), notification.mail
        if hold is None or mail is None:
            return
        left = (hold.until - self._clock()).total_seconds()
        if left <= 0:
            # Others may have it by now.
            self._wake()
            return
        mail = replace(mail, hold=None)
        lease = Lease(
            id=notification.id,
            of=Subject(kind=Kind.NOTIFICATION, id=notification.id),
            notification=structs.replace(notification, mail=mail),
            mail=mail,
            token=hold.token,
            until=hold.until,
        )
        if self._may_try():
            self._start(lease, asyncio.get_running_loop().time(), left)
        else:
            self._hand_back(lease)

    def forgo(self, notification: Notification) -> None:
        """It was not stored, or nobody knows whether.

        The worker is woken, and finds it if it was stored after all.
        """
        if self._expected.pop(notification.id, None) is not None:
            self._wake()
