"""No mail goes to an address that refused it for good, or whose reader has had enough of its kind.

What is critical goes, but to an address that refused mail for good, and to one that somebody has suppressed for
all mail by hand: a mailbox that was full last week may take a new password, and whoever wants no more news does.

Who writes the list is `gateway.notify.suppressions`. It is asked at an emit, roughly, to spare mail that
would be skipped anyway, and exactly as each mail leaves.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.catalog.channels import EMAIL
from gateway.notify.deciding.gates.gate import Gate
from gateway.notify.deciding.sources import Sources
from gateway.notify.deciding.verdicts import Case, Moment, Skip
from storage.suppressions import EVERYTHING, FIRM, Reason, Suppression, category_scope, lane_scope

RULE = "suppression"

_WORDS = {
    Reason.HARD_BOUNCE: "refused mail for good",
    Reason.SOFT_BOUNCE: "refused mail day after day",
    Reason.COMPLAINT: "has complained about it",
    Reason.UNSUBSCRIBE: "has unsubscribed from it",
    Reason.MANUAL: "was suppressed by hand",
}


@dataclass(frozen=True, slots=True)
class Suppressed:
    """What stands against the case's address, in any scope."""

    entries: Sequence[Suppression]


def judge(case: Case, suppressed: Suppressed) -> Skip | None:
    """Nothing to an address against which something stands that is about such mail."""
    found = next((each for each in suppressed.entries if _holds(each, case)), None)
    return None if found is None else Skip(rule=RULE, detail=_detail(found))


def _holds(suppression: Suppression, case: Case) -> bool:
    """Whether it is about mail such as this."""
    if suppression.scope == EVERYTHING:
        return not case.critical or suppression.reason in FIRM
    if case.critical:
        return False
    of_category = case.category is not None and suppression.scope == category_scope(case.category)
    return of_category or suppression.scope == lane_scope(case.lane)


def _detail(suppression: Suppression) -> str:
    """Why, with the server's code and the day; without the address, for it is kept with the mail and shown."""
    code = f" ({suppression.evidence.code})" if suppression.evidence.code else ""
    return f"the address {_WORDS[suppression.reason]}{code} on {suppression.created_at:%Y-%m-%d}"


def wants(case: Case, moment: Moment) -> bool:
    """At each moment: an address may come to stand there while its mail waits."""
    del moment
    return case.channel == EMAIL and case.to is not None


async def gather(sources: Sources, cases: Sequence[Case]) -> list[Suppressed | None]:
    """What stands against each address, in one question for all of the cases."""
    addresses = list({case.to for case in cases if case.to})
    # What is not made yet is judged again as it leaves.
    roughly = all(case.notification_id is None for case in cases)
    found = await sources.suppressions.matching(addresses, roughly=roughly)
    entries = [found.get(case.to or "") for case in cases]
    return [None if each is None else Suppressed(each) for each in entries]


GATE = Gate(rule=RULE, facts=Suppressed, judge=judge, wants=wants, gather=gather)
