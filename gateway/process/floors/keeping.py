"""What is kept of it all, and for how long: statistics, the experiments of types, the archive, and who deletes."""

from gateway.notify.archive.opening import opener
from gateway.notify.archive.settings import ArchiveSettings
from gateway.notify.archive.writing import Archivist
from gateway.notify.retention import Housekeeper
from gateway.notify.settings import StoreSettings
from gateway.notify.stats.asking import Statistics
from gateway.notify.stats.recounting import Recounter
from gateway.notify.stats.settings import StatsSettings
from gateway.notify.trials.taking_part import TakingPart
from gateway.process.floors.inboxes import InboxFloor
from gateway.process.floors.telling import TellingFloor
from gateway.process.member import Member


class KeepingFloor:
    """The statistics with what they hear, and who puts away and deletes what is old.

    It stands above who emits, reads and clicks, since it hears all three. Nothing is kept of what happened
    before it heard.
    """

    def __init__(self, member: Member, telling: TellingFloor, inboxes: InboxFloor) -> None:
        days = member.settings[StatsSettings].days
        self.recounter = Recounter(
            member.store.stats,
            member.clock,
            holder=member.node_id,
            days=days,
            may_delete=lambda: member.clock.may_delete,
        )
        """What rolls up and deletes figures, on one node at a time."""
        self.statistics = Statistics(member.store.stats, member.clock, days=days)
        """What answers from the figures."""
        _note_all(member, telling, inboxes)
        # Above: planning enrols, so the book of trials is made there.
        self.trials, self.trial_marks = telling.trials, telling.trial_marks
        TakingPart(
            member.catalog,
            self.trial_marks,
            emitter=telling.emitter,
            tried=telling.trial_planner,
            reading=inboxes.reading,
            clicks=inboxes.clicks,
            heard=None if member.noter is None else member.noter.heard,
        )
        self.archivist = _archivist(member)
        """None where nothing is archived."""
        self.housekeeper = Housekeeper(
            member.store.streams,
            member.store.outbox,
            member.clock,
            history_days=member.settings[StoreSettings].history_days,
            archivist=self.archivist,
            may_delete=lambda: member.clock.may_delete,
        )
        """Who deletes what is old, and calls `keep_house` of every part."""


def _note_all(member: Member, telling: TellingFloor, inboxes: InboxFloor) -> None:
    """Have the statistics hear what happens. Where there are to be none, nothing of it is heard.

    The listeners run for every notification that is written, and only count in memory.
    """
    if member.noter is not None:
        heard = member.noter.heard
        telling.emitter.listeners.append(heard.emitted)
        member.delivery.on_written = heard.written
        member.delivery.on_replayed = heard.replayed
        inboxes.reading.listeners.append(heard.marked)
        inboxes.clicks.news.listeners.append(heard.clicked)


def _archivist(member: Member) -> Archivist | None:
    """Who puts away what is old; None where it is deleted."""
    place = member.settings[ArchiveSettings].place
    if place is None:
        return None
    return Archivist(
        member.store.archive, opener(place, member.store.shared_secret), member.clock, holder=member.node_id
    )
