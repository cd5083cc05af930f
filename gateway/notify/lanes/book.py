"""The lanes: whether mail of each may leave, and the brake that pauses bulk mail, or a campaign, when it fares badly.

By what all processes have counted any of them may pause the lane. The pause stands in the store, so it holds for
all and over restarts, until an operator resumes it. Mail that somebody waits for is never paused.

`weighing` counts what became of mail, `brakes` judges that, purely; `storage.lanes` keeps the counts by the
minute and the pauses. A mail worker asks `is_paused` before each mail of bulk, and must never wait for that:
so what it is told is what was known at the last look.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.cluster.commands import Command
from gateway.ground.clock import Timekeeper
from gateway.ground.logs import Seldom
from gateway.ground.parts import CarryOut, Meters, Part
from gateway.ground.tasks import Tasks, in_step
from gateway.notify.lanes.brakes import Bounds, LaneHealth, reason_to_pause
from gateway.notify.lanes.settings import BrakeSettings
from gateway.notify.lanes.weighing import Scales
from storage import lanes
from storage.errors import StorageError
from storage.lanes import UNTOUCHED, LaneState, Pause
from storage.mail import LaneName

BRAKE = "brake"
"""The name under which the brake pauses a lane by its figures."""
BRAKED = LaneName.BULK
"""The lane that the brake may pause. An operator may ask for a pause of it too; the other lane has none (`mailer.lanes`)."""
SELDOM_SECONDS = 10.0
"""How often a process looks at what others have counted and paused while it counts nothing itself."""
REASON_OF_OPERATOR = "paused by an operator"

logger = logging.getLogger(__name__)


class LanesChanged(Command, frozen=True, tag="lanes"):
    """Look at the lanes: one was paused or resumed.

    It carries nothing: whoever hears it looks in the store. It may be lost; then the next look by itself
    finds it.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneStatus:
    """A lane, as it is now."""

    name: LaneName
    health: LaneHealth
    state: LaneState


@dataclass(frozen=True, slots=True, kw_only=True)
class LanePage:
    """All lanes, and the bounds that they are judged by."""

    lanes: tuple[LaneStatus, ...]
    bounds: Bounds


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseRequest:
    """A lane that is to be paused, and why, as people will read it."""

    lane: LaneName
    reason: str = REASON_OF_OPERATOR


def bounds_of(brake: BrakeSettings) -> Bounds:
    """What the settings say, as `brakes` takes it."""
    return Bounds(
        bounces=brake.bounces,
        complaints=brake.complaints,
        mails=brake.mails,
        failures=brake.failures,
        window_seconds=brake.window_seconds,
    )


async def _nobody() -> None:
    """Of a process that no other hears of: they look now and then."""


class LaneBook(Part):
    """The lanes as this process knows them. While the store is away, the last known state holds.

    A look comes soon after something was counted in this process. It stores that, reads the states, and weighs
    each lane. Looks stand one behind the other (`_turn`).
    """

    def __init__(self, shelf: lanes.Lanes, bounds: Bounds, clock: Timekeeper) -> None:
        self.tell_others: Callable[[], Awaitable[None]] = _nobody
        """Has the other nodes look at once."""
        self.resumed: list[Callable[[], None]] = []
        """Called when a lane goes on, by whoever did that, as soon as this process knows: the mail workers wake."""
        self._shelf = shelf
        self._bounds = bounds
        self._clock = clock
        self._states: Mapping[LaneName, LaneState] = {}
        self._health: Mapping[LaneName, LaneHealth] = {}
        """As of the last look; a lane that was never looked at has no figures."""
        self._news = asyncio.Event()
        self.scales = Scales(shelf, bounds, clock, counted=self._news.set)
        """Where whoever sends mail, or hears of it, counts that."""
        self._turn = asyncio.Lock()
        self._away = Seldom(logger, "the lanes cannot be read: what was known before holds")
        self._tasks = Tasks()

    def measure(self, meters: Meters) -> None:
        for lane in LaneName:
            _measure(meters, lane, self)

    def concerns(self) -> list[str]:
        """A lane that is paused is something for an operator, and no reason for not being ready."""
        return [
            f"mail: {lane} mail is paused since {state.paused.at:%Y-%m-%d %H:%M UTC}: {state.paused.reason}"
            for lane, state in self._states.items()
            if state.paused is not None
        ]

    def commands(self) -> Mapping[type[Any], CarryOut]:
        return {LanesChanged: lambda _: self._news.set()}

    async def start(self) -> None:
        """No mail leaves before it is known whether its lane is paused. Raises `StorageError`."""
        await self._learn()
        self._tasks.start(self._look_forever, name="lanes")

    async def stop(self) -> None:
        """Store what is still counted, if the store is there."""
        if self._tasks:
            await self._tasks.stop()
            with suppress(StorageError):
                await self.scales.flush()

    async def keep_house(self) -> None:
        """Forget the counts that no window reaches any more; not while the clock is in doubt."""
        if self._clock.may_delete:
            await self.scales.clear()

    # What happens

    def is_paused(self, lane: LaneName) -> bool:
        """Whether no mail of the lane is to leave, as far as is known here. Never waits; asked for each bulk mail."""
        return self.state(lane).paused is not None

    def state(self, lane: LaneName) -> LaneState:
        """Whether it is paused, and since when it is judged; untouched where the store has nothing of it."""
        return self._states.get(lane, UNTOUCHED)

    def health(self, lane: LaneName) -> LaneHealth:
        """As it was at the last look."""
        return self._health.get(lane) or LaneHealth(enough=self._bounds.mails)

    # What is asked

    async def page(self) -> LanePage:
        """Each lane, by what all processes have stored. Raises `StorageError`."""
        await self._learn()
        found = [LaneStatus(name=lane, health=self.health(lane), state=self.state(lane)) for lane in LaneName]
        return LanePage(lanes=tuple(found), bounds=self._bounds)

    async def pause(self, asked: PauseRequest, *, by: str) -> LanePage:
        """Have no more mail of the lane leave, on any node; what is on its way to the relay, leaves. Raises `StorageError`.

        A lane that is paused already stays so, with the first reason.
        """
        # By its state of now: a pause by one of before is none.
        await self._learn()
        await self._pause(asked.lane, Pause(at=self._clock(), by=by, reason=asked.reason))
        return await self.page()

    async def resume(self, lane: LaneName, *, by: str) -> LanePage:
        """Have it go on; only what is sent from now on is judged. Raises `StorageError`.

        One that was not paused stays as it is, and nobody is told.
        """
        if await self._shelf.resume(lane, at=self._clock()):
            logger.info("lane resumed", extra={"lane": lane, "by": by})
            await self.tell_others()
        return await self.page()

    # How it is done

    async def _look_forever(self) -> None:
        """Look whenever something was counted or heard of, and now and then; a store that is away is asked
        again the next time.
        """
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(in_step(SELDOM_SECONDS)):
                    await self._news.wait()
            # Before the look: what is counted during it sets it again.
            self._news.clear()
            try:
                await self.look()
            except StorageError as error:
                self._away.say(reason=str(error))

    async def _learn(self) -> None:
        """Store what was counted here, and learn what all have."""
        # One after the other: what was read before must not come into force after what was read later.
        async with self._turn:
            await self.scales.flush()
            self._take(await self._shelf.states())
            self._health = {
                lane: await self.scales.lane(lane, resumed=self.state(lane).since) for lane in LaneName
            }

    async def look(self) -> None:
        """Store and learn, as is done now and then, and pause bulk mail where it fares too badly. Raises `StorageError`."""
        await self._learn()
        if self.is_paused(BRAKED):
            return
        reason = reason_to_pause(self.health(BRAKED), self._bounds)
        if reason is not None:
            await self._pause(BRAKED, Pause(at=self._clock(), by=BRAKE, reason=reason))
            await self._learn()

    async def _pause(self, lane: LaneName, pause: Pause) -> None:
        """Write the pause down, if the lane is still the one that was judged, and tell the others.

        `judged` says from when on it was judged. If somebody has resumed it in between, those figures are
        over, and nothing is paused.
        """
        if await self._shelf.pause(lane, pause, judged=self.state(lane).since):
            extra = {"lane": lane, "by": pause.by, "reason": pause.reason}
            logger.log(logging.ERROR if pause.by == BRAKE else logging.INFO, "lane paused", extra=extra)
            await self.tell_others()

    def braked(self) -> str | None:
        """Why the brake has paused bulk mail; None while it has not.

        Campaigns ask it: one that runs is paused with the same reason. A pause by an operator is none of the
        brake's.
        """
        pause = self.state(BRAKED).paused
        return pause.reason if pause is not None and pause.by == BRAKE else None

    async def brakes(self, campaign_id: str, *, resumed: datetime | None) -> str | None:
        """Why a campaign must not go on: the brake has paused bulk mail, or the campaign's own mail fares too badly.

        Judged by the bounds of the lane, and by what was sent since it was `resumed`. Among much good mail of
        others a bad list would be told late. One question to the store. Raises `StorageError`.
        """
        if (reason := self.braked()) is not None:
            return reason
        reason = reason_to_pause(await self.scales.campaign(campaign_id, resumed=resumed), self._bounds)
        return None if reason is None else f"of its own mail: {reason}"

    def _take(self, states: Mapping[LaneName, LaneState]) -> None:
        """Have these states be in force, and tell of those that were paused and are not."""
        before, self._states = self._states, states
        for lane, state in states.items():
            if state.paused is None and before.get(lane, UNTOUCHED).paused is not None:
                for tell in self.resumed:
                    tell()


def _measure(meters: Meters, lane: LaneName, of: LaneBook) -> None:
    """What is shown of one lane."""
    meters.watch_gauge(
        "bellhop_lane_paused",
        "1 while no mail of the lane leaves, by a brake or an operator",
        lambda: int(of.is_paused(lane)),
        lane=lane,
    )
    meters.watch_gauge(
        "bellhop_lane_mails",
        "Mails of the window, of all processes",
        lambda: of.health(lane).mails,
        lane=lane,
    )
    meters.watch_gauge(
        "bellhop_lane_bounce_rate",
        "Part of the mails of the window that came back or were refused for their address; absent while they are few",
        lambda: of.health(lane).bounce_rate,
        lane=lane,
    )
    meters.watch_gauge(
        "bellhop_lane_complaint_rate",
        "Part of the mails of the window that were called spam; absent while they are few",
        lambda: of.health(lane).complaint_rate,
        lane=lane,
    )
    meters.watch_gauge(
        "bellhop_lane_complaints",
        "Mails of the window that were called spam",
        lambda: of.health(lane).complained,
        lane=lane,
    )
