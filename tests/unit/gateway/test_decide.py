"""The one decision, as a table of cases; and how its facts are found."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.notify.decide import GATES, Judge, Judged, decide
from gateway.notify.gates.address import Address
from gateway.notify.gates.suppression import Suppressed
from gateway.notify.gates.unless import Attention
from gateway.notify.verdicts import (
    EMAIL,
    Case,
    Delay,
    Gate,
    Merge,
    Moment,
    Send,
    Skip,
    Sources,
    Verdict,
    words,
)
from storage.endings import Postponed, Skipped
from storage.errors import StorageError, StoreUnavailable
from storage.inboxes import Receipt
from storage.mail import LaneName, Mail, MailOrder, MailState, Unless
from storage.outbox import Kind, Lease, Subject
from storage.people import Contact
from storage.streams import Notification
from storage.suppressions import EVERYTHING, Evidence, Reason, Suppression

NOW = datetime(2026, 11, 26, 10, 30, tzinfo=UTC)
AT = NOW - timedelta(minutes=28)
YESTERDAY = NOW - timedelta(days=1)

KNOWN, UNKNOWN = Address("ann@example.org"), Address(None)
READ, SEEN = Attention(receipt=Receipt(read_at=AT)), Attention(receipt=Receipt(seen_at=AT))
NOTHING, ONLINE = Attention(), Attention(online=True)


def case(unless: Unless | None = None, **fields: Any) -> Case:
    given: dict[str, Any] = {
        "type": "T", "user": "ann", "channel": EMAIL, "now": NOW, "due_at": NOW, "unless": unless,
    }  # fmt: skip
    return Case(**(given | fields))


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
    assert [gate.rule for gate in GATES] == ["address", "suppression", "unless"]


def suppressed(*scopes: str, reason: Reason = Reason.HARD_BOUNCE, code: str | None = None) -> Suppressed:
    return Suppressed(
        [
            Suppression(
                id="s", address="ann@example.org", scope=scope, reason=reason, source="server",
                evidence=Evidence(code=code), created_at=YESTERDAY,
            )
            for scope in scopes
        ]
    )  # fmt: skip


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
        # critical mail heeds what holds for all mail, and nothing narrower
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
        (Merge(digest="d", rule="digest", detail="daily"), "in a digest: daily"),
    ],
)
def test_every_verdict_has_its_words(verdict: Verdict, said: str) -> None:
    assert words(verdict) == said


class Known:
    """What is known of Ann, and how often it was asked for."""

    def __init__(self, *, receipt: Receipt = Receipt(), online: bool = False) -> None:  # noqa: B008 - immutable
        self.asked: list[str] = []
        self.failure: StorageError | None = None
        self.suppressed: dict[str, Sequence[Suppression]] = {}
        self._receipt = receipt
        self._online = online

    async def contacts(self, users: Sequence[str]) -> dict[str, Contact]:
        self.asked.append("contacts")
        if self.failure is not None:
            raise self.failure
        return {user: Contact(user=user, email="ann@example.org") for user in users if user == "ann"}

    async def matching(self, addresses: Sequence[str], *, roughly: bool) -> dict[str, Sequence[Suppression]]:
        how = "rough" if roughly else "exact"
        self.asked.append(f"{how} suppressions {' '.join(sorted(addresses))}")
        return {each: self.suppressed[each] for each in addresses if each in self.suppressed}

    async def receipt(self, user: str, notification_id: str) -> Receipt:
        self.asked.append(f"receipt {user} {notification_id}")
        if self.failure is not None:
            raise self.failure
        return self._receipt

    async def is_online(self, user: str) -> bool:
        self.asked.append(f"presence {user}")
        return self._online

    def judge(self, gates: Sequence[Gate[Any]] = GATES) -> Judge:
        sources = Sources(contacts=self, receipts=self, suppressions=self, is_online=self.is_online)
        return Judge(sources, gates)


async def verdicts(known: Known, cases: Sequence[Case], moment: Moment) -> list[Verdict | StorageError]:
    judged = await known.judge().judge(cases, moment)
    return [each.verdict if isinstance(each, Judged) else each for each in judged]


async def test_at_an_emit_the_addresses_of_all_are_asked_for_once_and_nothing_else() -> None:
    known = Known(online=True)
    cases = [case(Unless.ONLINE), case(Unless.READ, user="bob"), case(to="bob@example.org", user="bob")]

    found = await verdicts(known, cases, Moment.EMIT)

    assert [type(verdict) for verdict in found] == [Send, Skip, Send]
    assert known.asked == ["contacts", "rough suppressions ann@example.org bob@example.org"]


async def test_with_every_address_given_nobody_is_asked_for_one() -> None:
    known = Known()

    assert await verdicts(known, [case(to="bob@example.org")], Moment.EMIT) == [Send()]
    assert known.asked == ["rough suppressions bob@example.org"]


@pytest.mark.parametrize("moment", Moment)
async def test_an_address_that_is_suppressed_is_found_by_the_form_it_was_given_or_told_in(
    moment: Moment,
) -> None:
    known = Known()
    known.suppressed = {
        each: suppressed(EVERYTHING).entries for each in ("ann@example.org", "bob@example.org")
    }
    cases = [case(to="bob@example.org", user="bob"), case(to="eve@example.org"), case()]

    given, other, told = await verdicts(known, cases, moment)

    assert words_of(given) == "not sent: the address refused mail for good on 2026-11-25"
    assert other == Send()
    # at a lease an obligation has an address of its own
    assert isinstance(told, Send if moment is Moment.LEASE else Skip)


async def test_at_a_lease_the_lane_of_the_mail_decides() -> None:
    known = Known()
    known.suppressed = {"ann@example.org": suppressed("lane:bulk").entries}

    assert await known.judge().at_lease(lease(), NOW) is None
    ending = await known.judge().at_lease(lease(lane=LaneName.BULK), NOW)
    assert ending == Skipped(rule="suppression", reason="the address refused mail for good on 2026-11-25")


async def test_facts_that_cannot_be_looked_up_are_the_answer_of_those_alone_who_need_them() -> None:
    known = Known()
    known.failure = StoreUnavailable("away")

    found = await verdicts(known, [case(), case(to="bob@example.org")], Moment.EMIT)

    assert found == [known.failure, Send()]


async def test_a_preview_tells_what_would_become_of_it_now() -> None:
    known = Known(online=True)
    later = NOW + timedelta(minutes=10)
    cases = [case(Unless.ONLINE), case(Unless.ONLINE, due_at=later), case(Unless.READ), case(user="bob")]

    online, due_later, unread, unknown = await verdicts(known, cases, Moment.PREVIEW)

    assert words_of(online) == "not sent: ann was online"
    assert (due_later, unread) == (Send(), Send())
    assert words_of(unknown) == "not sent: no address is known"


def words_of(verdict: Verdict | StorageError) -> str | None:
    assert not isinstance(verdict, StorageError)
    return words(verdict)


def lease(
    unless: Unless | None = None, *, room: str = "user:ann", lane: LaneName = LaneName.TRANSACTIONAL
) -> Lease:
    order = MailOrder(to="ann@example.org", due_at=NOW, unless=unless, lane=lane)
    mail = Mail(order=order, state=MailState.LEASED, due_at=NOW, updated_at=NOW)
    notification = Notification(id="n1", room=room, type="T", title="x", created_at=NOW, data={}, mail=mail)
    of = Subject(kind=Kind.NOTIFICATION, id="n1")
    return Lease(id="n1", of=of, notification=notification, mail=mail, token="t", until=NOW)


async def test_at_a_lease_the_rule_and_its_words_end_it() -> None:
    known = Known(receipt=Receipt(read_at=AT))

    ending = await known.judge().at_lease(lease(Unless.READ), NOW)

    assert ending == Skipped(rule="unless", reason="ann read it at 10:02 UTC")
    assert known.asked == ["exact suppressions ann@example.org", "receipt ann n1"]


@pytest.mark.parametrize("given", [lease(), lease(Unless.READ), lease(Unless.ONLINE, room="topic:deals")])
async def test_at_a_lease_what_no_gate_stops_is_sent(given: Lease) -> None:
    assert await Known(online=True).judge().at_lease(given, NOW) is None


async def test_a_lease_that_cannot_be_judged_is_the_stores_failure() -> None:
    known = Known()
    known.failure = StoreUnavailable("away")

    with pytest.raises(StoreUnavailable):
        await known.judge().at_lease(lease(Unless.READ), NOW)


def gate(verdict: Verdict) -> Gate[Attention]:
    """A gate of a later rule, with facts of its own."""

    async def gather(sources: Sources, cases: Sequence[Case]) -> list[Attention | None]:
        del sources
        return [NOTHING for _ in cases]

    return Gate(
        rule="later", facts=Attention, judge=lambda _case, _facts: verdict,
        wants=lambda _case, _moment: True, gather=gather,
    )  # fmt: skip


async def test_a_rule_that_holds_a_mail_has_it_decided_again_later_uncounted() -> None:
    verdict = Delay(until=NOW + timedelta(hours=8), rule="quiet", detail="quiet hours")

    ending = await Known().judge([gate(verdict)]).at_lease(lease(), NOW)

    assert ending == Postponed(until=verdict.until, reason="quiet hours", rule="quiet", counted=False)


async def test_what_becomes_part_of_a_digest_is_not_sent_by_itself() -> None:
    verdict = Merge(digest="d1", rule="digest", detail="in the digest of 18:00")

    ending = await Known().judge([gate(verdict)]).at_lease(lease(), NOW)

    assert ending == Skipped(rule="digest", reason="in the digest of 18:00")


async def test_presence_that_cannot_be_asked_stops_nothing() -> None:
    known = Known()

    async def away(_: str) -> bool:
        raise ConnectionError

    judge = Judge(Sources(contacts=known, receipts=known, suppressions=known, is_online=away))

    assert await judge.at_lease(lease(Unless.ONLINE), NOW) is None
