"""Mail waits for the end of the person's quiet hours, unless it is critical; then it is decided again. What
expires first is not sent.

What it holds at an emit is stored with the end as its time, so a night costs no look-ups; as it is due it is
asked again, for the person may have changed the hours meanwhile. What several of these have come to at the
end, the gate `digest` puts into one mail.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, timedelta
from zlib import crc32

from gateway.catalog.channels import EMAIL
from gateway.ground.zones import zone
from gateway.notify.deciding.gates.gate import Gate
from gateway.notify.deciding.sources import Sources
from gateway.notify.deciding.verdicts import Case, Delay, Moment, Skip
from gateway.notify.deciding.whereabouts import zones_of
from gateway.notify.preferences.chosen import QuietHours
from gateway.notify.preferences.quiet import quiet_until
from storage.mail import Mail

RULE = "quiet_hours"
SPREAD_SECONDS = 600
"""Over how many seconds after their end the mail is spread: not all of a town is mailed in the same second."""


@dataclass(frozen=True, slots=True)
class Night:
    """When the user wants to be left alone, by which clock."""

    hours: QuietHours
    zone: str
    """The name of the user's zone: facts are shown to people."""


def judge(case: Case, night: Night) -> Delay | Skip | None:
    """Held until the night is over, and up to ten minutes more; nothing, where it has expired by then."""
    due_at = max(case.now, case.due_at)
    where = zone(night.zone) or UTC
    end = quiet_until(night.hours, where, due_at)
    if end is None:
        return None
    # By the user, not by chance: whoever looks twice is told the same.
    spread = timedelta(seconds=crc32((case.user or "").encode()) % SPREAD_SECONDS)
    # Between two nights there may be no more than a minute: then it leaves in that, or it never would.
    until = end if quiet_until(night.hours, where, end + spread) else end + spread
    if case.expires_at is not None and case.expires_at <= until:
        return Skip(rule=RULE, detail=f"it expires in the quiet hours of {case.user}")
    return Delay(until=until, rule=RULE, detail=f"{case.user} has quiet hours")


def held(mail: Mail) -> bool:
    """Whether it is quiet hours that have put it off last."""
    return mail.decided_by == RULE


def wants(case: Case, moment: Moment) -> bool:
    """Not of what is in a digest, whose own mail waits."""
    is_asked = case.channel == EMAIL and case.user is not None and not case.hastened
    return is_asked and moment is not Moment.CLOSING


async def gather(sources: Sources, cases: Sequence[Case]) -> list[Night | None]:
    """A night for who has one; whose zone nobody has told has that of the gateway.

    Zones are asked for only of those who have quiet hours.
    """
    users = list(dict.fromkeys(case.user or "" for case in cases))
    chosen = await sources.preferences.of_many(users)
    hours = {user: each.quiet_hours for user, each in chosen.items()}
    quiet = {user: chosen[user] for user, each in hours.items() if each is not None}
    if not quiet:
        return [None] * len(cases)
    zones = await zones_of(sources, list(quiet), quiet)
    nights = {user: Night(night, str(zones[user])) for user, night in hours.items() if night is not None}
    return [nights.get(case.user or "") for case in cases]


def in_use(sources: Sources, cases: Sequence[Case]) -> bool:
    """Whether anybody has chosen anything."""
    del cases
    return sources.preferences.in_use


GATE = Gate(
    rule=RULE,
    facts=Night,
    judge=judge,
    wants=wants,
    gather=gather,
    in_use=in_use,
    spares_critical=True,
)
