"""Mail that its sender wants only unless the user has read, has seen, or is online at the moment it is due.

It is asked as the mail is due, and as a digest closes, where `Case.unless` is that nothing is told again that
was seen. Who has read what is the store's, who is online is presence's.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.catalog.channels import EMAIL
from gateway.notify.deciding.gates.gate import Gate
from gateway.notify.deciding.sources import Sources
from gateway.notify.deciding.verdicts import Case, Moment, Skip, clock_time
from storage.mail import Unless
from storage.receipts import Receipt

RULE = "unless"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """What the user has done with the notification, and whether the user is there."""

    receipt: Receipt = Receipt()  # noqa: RUF009 - immutable
    online: bool = False
    """On any node. Asked only where it counts."""


def judge(case: Case, attention: Attention) -> Skip | None:
    """Nothing where the user has done what its sender has named."""
    detail = _detail(case, attention)
    return None if detail is None else Skip(rule=RULE, detail=f"{case.user} {detail}")


def _detail(case: Case, attention: Attention) -> str | None:
    """What the user has done, as the rest of a sentence; None where that is not what counts."""
    receipt = attention.receipt
    match case.unless:
        case Unless.ONLINE if attention.online:
            return "was online"
        case Unless.READ | Unless.SEEN if receipt.read_at is not None:
            return f"read it at {clock_time(receipt.read_at, today=case.now)}"
        case Unless.SEEN if receipt.seen_at is not None:
            return f"saw it at {clock_time(receipt.seen_at, today=case.now)}"
    return None


def wants(case: Case, moment: Moment) -> bool:
    """At an emit nobody can have read it, and who is online may be gone when it is due."""
    if case.channel != EMAIL or case.unless is None or case.user is None:
        return False
    return moment in (Moment.LEASE, Moment.CLOSING) or (moment is Moment.PREVIEW and case.due_at <= case.now)


async def gather(sources: Sources, cases: Sequence[Case]) -> list[Attention | None]:
    """What each user has done, in one question for each user; who is online is asked one by one.

    Raises `StorageError` for the receipts; presence raises nothing here.
    """
    ids: dict[str, list[str]] = {}
    for case in cases:
        if case.unless is not Unless.ONLINE and case.notification_id is not None:
            ids.setdefault(case.user or "", []).append(case.notification_id)
    receipts = {user: await sources.receipts.receipts_of(user, asked) for user, asked in ids.items()}
    return [
        await _presence(sources, case)
        if case.unless is Unless.ONLINE
        else Attention(receipt=receipts.get(case.user or "", {}).get(case.notification_id or "", Receipt()))
        for case in cases
    ]


async def _presence(sources: Sources, case: Case) -> Attention | None:
    """Whether the user is there; None, which lets the mail pass, where presence cannot say."""
    assert case.user is not None
    try:
        return Attention(online=await sources.is_online(case.user))
    except Exception:
        # One mail too many beats one too few.
        logger.exception("presence not known, mail goes out", extra={"notification": case.notification_id})
        return None


GATE = Gate(rule=RULE, facts=Attention, judge=judge, wants=wants, gather=gather)
