"""What readers have before them, and what they do with it: marks, snoozes, actions, and the links that they follow."""

from collections.abc import Sequence
from functools import partial

from gateway.cluster.bus.base import Bus
from gateway.cluster.commands import CameBack, parts
from gateway.notify.clicks.book import ClickBook
from gateway.notify.clicks.mails import TrackedMails
from gateway.notify.clicks.opens import OpenBook
from gateway.notify.inboxes.acting import Acting
from gateway.notify.inboxes.muting import Mutes
from gateway.notify.inboxes.reading import Reading
from gateway.notify.inboxes.snoozing import Snoozer
from gateway.notify.settings import StoreSettings
from gateway.process.member import Member
from storage.snoozes import Returned


class InboxFloor:
    """The use cases of one user's inbox, and the part that brings back what was snoozed.

    It needs nobody who emits: marks are told by `fanout`.
    """

    def __init__(self, member: Member) -> None:
        store = member.store
        self.mutes = Mutes(member.catalog, member.preferences)
        """What users do not want to be shown."""
        self.reading = Reading(
            inboxes=store.inboxes, fanout=member.fanout, clock=member.clock, mutes=self.mutes
        )
        """Histories, marks and counts."""
        self.snoozer = Snoozer(
            store.snoozes,
            tell=partial(_tell_all, member.bus),
            due_clock=member.clock.cautious,
        )
        """What brings back what was snoozed."""
        self.acting = Acting(
            reading=self.reading,
            inboxes=store.inboxes,
            streams=store.streams,
            mutes=self.mutes,
            clock=member.clock,
            snoozed=self.snoozer.wake,
        )
        """Snoozes, presses and the like."""
        mails = TrackedMails(
            streams=store.streams,
            outbox=store.outbox,
            campaigns=store.campaigns,
            recipients=store.recipients,
        )
        self.opens = OpenBook(
            store.opens,
            member.click_links,
            catalog=member.catalog,
            mails=mails,
            preferences=member.preferences,
            clock=member.clock,
            history_days=member.settings[StoreSettings].history_days,
            may_delete=lambda: member.clock.may_delete,
        )
        """Mail that was opened: for traces alone."""
        self.clicks = ClickBook(
            store.clicks,
            member.click_links,
            catalog=member.catalog,
            streams=store.streams,
            inboxes=store.inboxes,
            mails=mails,
            preferences=member.preferences,
            reading=self.reading,
            bus=member.bus,
            clock=member.clock,
            history_days=member.settings[StoreSettings].history_days,
            may_delete=lambda: member.clock.may_delete,
        )
        """Links that were followed."""


async def _tell_all(bus: Bus, back: Sequence[Returned]) -> None:
    """Have all nodes know what has come back, and to whom."""
    for some in parts([(each.user, each.id) for each in back]):
        await bus.order_all(CameBack(some))
