"""How a process sends mail: its workers with all that they need, and what closes digests.

For those processes that do, the nodes and the mail worker. Each is made once: two in one process would share places and budgets.
"""

from collections.abc import Callable, Iterable

from gateway.http.settings import SiteSettings
from gateway.mail.part import Desk, MailPart
from gateway.mail.seals import seals_of
from gateway.mail.settings import BulkSettings, MailSettings
from gateway.notify.choosing.ways_out import WaysOut
from gateway.notify.clicks.tracking import Tracker
from gateway.notify.departing import Departures
from gateway.notify.digests.closing import Digester
from gateway.notify.settings import StoreSettings
from gateway.process.base import Process
from mailer.lanes import NO_CLICKS, Tracking, WayOut, no_way_out
from storage.mail import LaneName


def mail_part(process: Process) -> MailPart:
    """The workers that send what is owed."""
    desk = Desk(
        outbox=process.store.outbox,
        decide=Departures(
            judge=process.judge,
            sources=process.sources,
            outbox=process.store.outbox,
            digests=process.store.digests,
            campaigns=process.store.campaigns,
        ).decide,
        bounced=process.mail_counting.bounced,
        presses=process.presses,
        seals=seals_of(process.settings),
        clock=process.clock,
        budget=process.links.budget,
        way_out=_way_out(process),
        clicks=_tracker(process),
        foresee=process.suppressions.lookup.foresee,
        ended=process.mail_counting.ended,
        is_paused=process.lanes.is_paused,
    )
    mail = MailPart(process.settings[MailSettings], process.settings[BulkSettings], desk)
    process.lanes.resumed.append(mail.wake)
    return mail


def digester(process: Process, wake_mailer: Callable[[Iterable[LaneName]], None]) -> Digester:
    """What closes the digests that are due.

    `due_clock` is behind the other: what is due is taken a moment late rather than early, if the clocks
    of store and node differ.
    """
    closing = Digester(
        process.store.digests,
        judge=process.judge,
        sources=process.sources,
        clock=process.clock,
        due_clock=process.clock.cautious,
        wake_mailer=wake_mailer,
        base_url=process.settings[SiteSettings].base_url,
        lease_seconds=process.settings[MailSettings].lease_seconds,
        kept_days=process.settings[StoreSettings].history_days,
    )
    process.mail_counting.gathered = closing.wake
    closing.left_out = process.mail_counting.left_out
    return closing


def _way_out(process: Process) -> WayOut:
    """The links by which mail can be refused; none without a secret and a site."""
    if process.unsubscribe_links is None:
        return no_way_out
    return WaysOut(process.store.links, process.unsubscribe_links, process.catalog).of


def _tracker(process: Process) -> Tracking:
    """What makes links tracked ones; nothing does without a secret and a site."""
    if process.click_links is None:
        return NO_CLICKS
    return Tracker(
        process.store.clicks,
        process.click_links,
        catalog=process.catalog,
        preferences=process.preferences,
        clock=process.clock,
        days=process.settings[StoreSettings].click_days,
    )
