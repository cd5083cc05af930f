"""The day behind a demo that is new: what a shop has told Ann, Bob and its staff since yesterday.

It is stored as any emit is, but under the times at which it is said to have been; only the mails go out as the demo starts.

It plans as the emitter does and appends by the group commit; only times and ids are its own. It is a part so
that it runs behind the store and before the doors.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from msgspec import structs

from gateway.ground.clock import Clock
from gateway.ground.parts import Part
from gateway.ground.rooms import ADMINS, ALL, user_room
from gateway.notify.choosing.choices import Choice, Choices
from gateway.notify.emitting.planning import Planner
from gateway.notify.inboxes.reading import Reading
from gateway.notify.requests import EmitRequest, HistoryRequest
from gateway.process.shop import ORDER_UPDATE, SCOPE, confirmation
from storage.groupcommit import GroupCommit
from storage.ids import UUID7Source
from storage.mail import LaneName
from storage.notifications import Notification

ANN, BOB = user_room("ann"), user_room("bob")


@dataclass(frozen=True, slots=True, kw_only=True)
class SeededEmit:
    """What was told at some time of the day, and whether its reader has read it."""

    ago: timedelta
    """Before the start of the demo."""
    request: EmitRequest
    read: bool = False


class SeededDay(Part):
    """Stores the day at the start, where Ann has never been told anything.

    It looks at Ann's history alone: a crash in the middle leaves a shorter day, which is not added to.
    """

    def __init__(
        self,
        *,
        planner: Planner,
        commit: GroupCommit,
        reading: Reading,
        choices: Choices,
        wake_mailer: Callable[[Iterable[LaneName]], None],
        count: Callable[[Sequence[Notification], str], None] | None,
        clock: Clock,
    ) -> None:
        self._planner = planner
        self._commit = commit
        self._reading = reading
        self._choices = choices
        self._wake_mailer = wake_mailer
        self._count = count
        self._clock = clock

    async def start(self) -> None:
        """Store the day, the oldest first, so that sequences and times agree. Raises `StorageError`."""
        history = await self._reading.history("ann", (ANN,), HistoryRequest(limit=1))
        if history.items:
            return
        now = self._clock()
        at = now
        # Ids with the time in them that each is said to be of, so that they sort as they should.
        ids = UUID7Source(lambda: round(at.timestamp() * 1000) * 1_000_000)
        for told in sorted(day(), key=lambda told: told.ago, reverse=True):
            at = now - told.ago
            await self._store(told, at, ids)
        self._wake_mailer([LaneName.TRANSACTIONAL])
        # Whose clicks in mail may be told is for a person to say; so that the demo can show it, Ann has.
        await self._choices.choose(Choice(user="ann", patch={"tracking": True}, by="user"))

    async def _store(self, told: SeededEmit, at: datetime, ids: UUID7Source) -> None:
        """Store one thing as of `at`, and read it where its reader has."""
        [planned] = await self._planner.plan([told.request], SCOPE)
        if isinstance(planned, Exception):
            raise planned
        late = self._clock() - at
        notifications = tuple(
            structs.replace(
                each,
                id=ids(),
                created_at=at,
                expires_at=None if each.expires_at is None else each.expires_at - late,
            )
            for each in planned.notifications
        )
        stored = await self._commit.append(structs.replace(planned, notifications=notifications))
        # What of it is read and mailed is counted as it comes to pass: so is what it is a part of.
        if self._count is not None:
            self._count(stored.notifications, SCOPE)
        if told.read:
            [room] = told.request.rooms
            user = room.partition(":")[2]
            await self._reading.read(user, (room,), [each.id for each in notifications])


def day() -> Sequence[SeededEmit]:
    """All of it, in no order."""
    return (
        _order(ANN, 23, "20418", "placed", "Linen notebook", read=True),
        _order(BOB, 22, "20440", "placed", "Walnut tray", read=True),
        _told(ADMINS, 20, "NEW_COMPLAINT", {"complaint": "C-214", "customer": "Bob", "text": "The tray has a scratch."}),
        _order(ANN, 19, "20418", "shipped", "Linen notebook", read=True),
        _told(
            BOB, 18, "COMPLAINT_RESPONSE",
            {"complaint": "C-214", "answer": "We are sorry about the scratch. A new tray leaves today.", "agent": "Jo"},
        ),
        _order(BOB, 16, "20440", "shipped", "Walnut tray"),
        _told(ALL, 9, "SALE_OFFER", {"name": "Rugs and cushions", "discount": 0.15, "slug": "rugs"}),
        _order(ANN, 5, "20418", "delivered", "Linen notebook"),
        _told(ANN, 3, "REVIEW", {"product": "Linen notebook", "order": "20418"}),
        _order(ANN, 1.5, "20977", "placed", "Beeswax candle", read=True),
        SeededEmit(ago=timedelta(hours=1.5), request=confirmation("ann", "20977", "Beeswax candle", "24.00")),
    )  # fmt: skip


def _order(room: str, hours: float, number: str, status: str, item: str, *, read: bool = False) -> SeededEmit:
    """What a shop tells of an order."""
    data = {"order": number, "status": status, "item": item}
    return _told(room, hours, ORDER_UPDATE, data, link=f"/demo/#order-{number}", read=read)


def _told(
    room: str, hours: float, type_: str, data: Mapping[str, Any], *, link: str = "/demo/", read: bool = False
) -> SeededEmit:
    """Something that was told so many hours ago, without mail."""
    request = EmitRequest(rooms=(room,), type=type_, title=None, data=data, link=link, no_email=True)
    return SeededEmit(ago=timedelta(hours=hours), request=request, read=read)
