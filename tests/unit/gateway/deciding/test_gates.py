"""What the gates say of a case by their facts, in their order, and in which words."""

from collections.abc import Sequence
from typing import Any

import pytest

from gateway.catalog.channels import EMAIL
from gateway.catalog.switches import Flag, Share
from gateway.notify.deciding.decision import GATES, decide
from gateway.notify.deciding.gates.unless import Attention
from gateway.notify.deciding.verdicts import Delay, Merge, Send, Skip, Verdict, words
from gateway.notify.deciding.windows import Window
from storage.mail import LaneName, Unless
from storage.receipts import Receipt
from storage.suppressions import EVERYTHING, Reason
from tests.unit.gateway.deciding.known import (
    AT,
    KNOWN,
    NOTHING,
    NOW,
    ONLINE,
    UNKNOWN,
    YESTERDAY,
    case,
    suppressed,
)

ON, OFF = (Flag(type_on=on, channel_on=True, overridden=False) for on in (True, False))
NO_MAIL = Flag(type_on=True, channel_on=False, overridden=True)
OFF_BY_FLAG = Flag(type_on=False, channel_on=True, overridden=False, by_flag=True)
NO_MAIL_BY_FLAG = Flag(type_on=True, channel_on=False, overridden=False, by_flag=True)
READ, SEEN = Attention(receipt=Receipt(read_at=AT)), Attention(receipt=Receipt(seen_at=AT))


def share(percent: float) -> Share:
    return Share(type="ORDER_UPDATE", channel=EMAIL, salt="v1", key="42", percent=percent, overridden=False)


@pytest.mark.parametrize(
    ("unless", "facts", "rule", "said"),
    [
        (None, (), None, None),
        (None, (KNOWN,), None, None),
        (None, (UNKNOWN,), "address", "not sent: no address is known"),
        # without its facts a gate is open
        (Unless.READ, (), None, None),
        (Unless.READ, (READ,), "unless", "not sent: ann read it at 10:02 UTC"),
        (Unless.READ, (SEEN,), None, None),
        (Unless.READ, (NOTHING,), None, None),
        (Unless.READ, (ONLINE,), None, None),
        (Unless.SEEN, (READ,), "unless", "not sent: ann read it at 10:02 UTC"),
        (Unless.SEEN, (SEEN,), "unless", "not sent: ann saw it at 10:02 UTC"),
        (Unless.SEEN, (NOTHING,), None, None),
        (Unless.ONLINE, (ONLINE,), "unless", "not sent: ann was online"),
        (Unless.ONLINE, (READ,), None, None),
        # what its sender does not ask for changes nothing
        (None, (READ,), None, None),
        (None, (ONLINE,), None, None),
        # the first gate that stops it is the one that is told, whatever the order of the facts
        (Unless.READ, (READ, UNKNOWN), "address", "not sent: no address is known"),
        (Unless.READ, (UNKNOWN, READ), "address", "not sent: no address is known"),
        (Unless.READ, (KNOWN, READ), "unless", "not sent: ann read it at 10:02 UTC"),
        # a switch stands before everything
        (None, (ON,), None, None),
        (None, (OFF,), "switch", "not sent: the type is switched off"),
        (None, (NO_MAIL,), "switch", "not sent: the type's channel email is switched off"),
        (None, (OFF_BY_FLAG,), "switch", "not sent: the type is switched off by the flag service"),
        (
            None,
            (NO_MAIL_BY_FLAG,),
            "switch",
            "not sent: the type's channel email is switched off by the flag service",
        ),
        (
            Unless.READ,
            (READ, UNKNOWN, NO_MAIL),
            "switch",
            "not sent: the type's channel email is switched off",
        ),
        # and so does a rollout, of which 42 is in bucket 1823
        (None, (share(18.24),), None, None),
        (None, (share(100),), None, None),
        (
            None,
            (share(18.23),),
            "rollout",
            "not sent: it is on for 18.23 %, and bucket 1823 is not among them",
        ),
        (
            None,
            (UNKNOWN, share(0)),
            "rollout",
            "not sent: it is on for 0 %, and bucket 1823 is not among them",
        ),
        (None, (OFF, share(0)), "switch", "not sent: the type is switched off"),
        # another day is named
        (
            Unless.READ,
            (Attention(receipt=Receipt(read_at=YESTERDAY)),),
            "unless",
            "not sent: ann read it at 2026-11-25 10:30 UTC",
        ),
    ],
)
def test_the_first_gate_that_stops_a_case_says_what_becomes_of_it(
    unless: Unless | None, facts: Sequence[object], rule: str | None, said: str | None
) -> None:
    verdict = decide(case(unless), facts)

    assert (None if isinstance(verdict, Send) else verdict.rule) == rule
    assert words(verdict) == said


def test_the_gates_stand_in_the_order_of_the_rules() -> None:
    assert [gate.rule for gate in GATES] == [
        "switch", "rollout", "holdout", "address", "suppression", "preferences", "unless", "quiet_hours", "throttle", "digest"
    ]  # fmt: skip


BULK = {"lane": LaneName.BULK}
OFFERS = {"category": "offers"}


@pytest.mark.parametrize(
    ("fields", "scopes", "stopped"),
    [
        ({}, [EVERYTHING], True),
        (BULK, [EVERYTHING], True),
        (OFFERS, [EVERYTHING], True),
        # a lane's is that lane's, a category's that category's
        ({}, ["lane:bulk"], False),
        (BULK, ["lane:bulk"], True),
        ({}, ["lane:transactional"], True),
        (BULK, ["lane:transactional"], False),
        ({}, ["category:offers"], False),
        (OFFERS, ["category:offers"], True),
        ({"category": "orders"}, ["category:offers"], False),
        (BULK | OFFERS, ["category:news", "category:offers"], True),
        # critical mail heeds what holds for all mail for good, and nothing narrower
        ({"critical": True}, [EVERYTHING], True),
        ({"critical": True} | BULK, ["lane:bulk"], False),
        ({"critical": True}, ["lane:transactional"], False),
        ({"critical": True} | OFFERS, ["category:offers"], False),
        ({"critical": True} | OFFERS, ["category:offers", EVERYTHING], True),
    ],
)
def test_a_suppression_stops_what_is_in_its_scope(
    fields: dict[str, Any], scopes: list[str], stopped: bool
) -> None:
    verdict = decide(case(**fields), [suppressed(*scopes)])

    assert isinstance(verdict, Skip) is stopped
    assert isinstance(verdict, Send) or verdict.rule == "suppression"


@pytest.mark.parametrize("reason", Reason)
def test_only_a_hard_bounce_and_somebodys_own_word_hold_what_is_critical(reason: Reason) -> None:
    verdict = decide(case(critical=True), [suppressed(EVERYTHING, reason=reason)])

    assert isinstance(verdict, Skip) is (reason in (Reason.HARD_BOUNCE, Reason.MANUAL))
    assert isinstance(decide(case(), [suppressed(EVERYTHING, reason=reason)]), Skip)


@pytest.mark.parametrize(
    ("reason", "code", "said"),
    [
        (Reason.HARD_BOUNCE, "5.1.1", "not sent: the address refused mail for good (5.1.1) on 2026-11-25"),
        (
            Reason.SOFT_BOUNCE,
            "4.2.2",
            "not sent: the address refused mail day after day (4.2.2) on 2026-11-25",
        ),
        (Reason.COMPLAINT, None, "not sent: the address has complained about it on 2026-11-25"),
        (Reason.UNSUBSCRIBE, None, "not sent: the address has unsubscribed from it on 2026-11-25"),
        (Reason.MANUAL, None, "not sent: the address was suppressed by hand on 2026-11-25"),
    ],
)
def test_a_suppression_says_why_and_since_when(reason: Reason, code: str | None, said: str) -> None:
    assert words(decide(case(), [suppressed(EVERYTHING, reason=reason, code=code)])) == said


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        (
            Delay(until=NOW, rule="quiet", detail="quiet hours"),
            "held until 2026-11-26 10:30 UTC: quiet hours",
        ),
        (
            Merge(window=Window(key="daily", closes_at=NOW), rule="digest", detail="daily"),
            "in a digest: daily",
        ),
    ],
)
def test_every_verdict_has_its_words(verdict: Verdict, said: str) -> None:
    assert words(verdict) == said
