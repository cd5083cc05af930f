"""The one decision, as a table of cases; and how its facts are found."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.catalog.buckets import bucket
from gateway.catalog.live import LiveCatalog
from gateway.catalog.switches import Flag, Share, Switch
from gateway.notify.decide import GATES, Judge, Judged, decide
from gateway.notify.departing import ending_of
from gateway.notify.gates.address import MailAddress
from gateway.notify.gates.suppression import Suppressed
from gateway.notify.gates.unless import Attention
from gateway.notify.verdicts import (
    EMAIL,
    IN_APP,
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
from gateway.notify.windows import Window
from storage.endings import Ending, Gathered, Postponed, Skipped
from storage.errors import StorageError, StoreUnavailable
from storage.inboxes import Receipt
from storage.mail import LaneName, Mail, MailOrder, MailState, Unless
from storage.notifications import Notification
from storage.obligations import Kind, Lease, Subject
from storage.people import Contact
from storage.suppressions import EVERYTHING, Evidence, Reason, Suppression

NOW = datetime(2026, 11, 26, 10, 30, tzinfo=UTC)
AT = NOW - timedelta(minutes=28)
YESTERDAY = NOW - timedelta(days=1)

ON, OFF = (Flag(type_on=on, channel_on=True, overridden=False) for on in (True, False))
NO_MAIL = Flag(type_on=True, channel_on=False, overridden=True)
OFF_BY_FLAG = Flag(type_on=False, channel_on=True, overridden=False, by_flag=True)
NO_MAIL_BY_FLAG = Flag(type_on=True, channel_on=False, overridden=False, by_flag=True)
KNOWN, UNKNOWN = MailAddress("ann@example.org"), MailAddress(None)
READ, SEEN = Attention(receipt=Receipt(read_at=AT)), Attention(receipt=Receipt(seen_at=AT))
NOTHING, ONLINE = Attention(), Attention(online=True)


def share(percent: float) -> Share:
    return Share(type="ORDER_UPDATE", channel=EMAIL, salt="v1", key="42", percent=percent, overridden=False)


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


class Known:
    """What is known of Ann, and how often it was asked for."""

    def __init__(self, *, receipt: Receipt = Receipt(), online: bool = False) -> None:  # noqa: B008 - immutable
        self.asked: list[str] = []
        self.failure: StorageError | None = None
        self.catalog = LiveCatalog()
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

    async def receipts_of(self, user: str, ids: Sequence[str]) -> dict[str, Receipt]:
        self.asked.append(f"receipts {user} {' '.join(ids)}")
        if self.failure is not None:
            raise self.failure
        return dict.fromkeys(ids, self._receipt)

    async def is_online(self, user: str) -> bool:
        self.asked.append(f"presence {user}")
        return self._online

    def judge(self, gates: Sequence[Gate[Any]] = GATES) -> Judge:
        return Judge(
            Sources(
                catalog=self.catalog,
                contacts=self,
                receipts=self,
                suppressions=self,
                is_online=self.is_online,
            ),
            gates,
        )


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
    assert isinstance(told, Send if moment in (Moment.LEASE, Moment.CLOSING) else Skip)


async def test_at_a_lease_the_lane_of_the_mail_decides() -> None:
    known = Known()
    known.suppressed = {"ann@example.org": suppressed("lane:bulk").entries}

    assert await ended(known.judge(), lease()) is None
    ending = await ended(known.judge(), lease(lane=LaneName.BULK))
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


EVERYTHING_OFF = {"enabled": False}


async def test_a_type_that_nobody_mentions_has_no_facts_of_switches() -> None:
    known = Known()
    known.catalog.switches = {"OTHER": Switch.of(EVERYTHING_OFF)}

    [judged] = await known.judge().judge([case(to="ann@example.org")], Moment.EMIT)

    assert judged == Judged(Send(), ())


@pytest.mark.parametrize("moment", list(Moment))
async def test_a_switch_counts_at_every_moment_and_on_every_channel(moment: Moment) -> None:
    known = Known()
    cases = [case(channel=IN_APP), case(to="ann@example.org"), case(user=None, room="all", channel=IN_APP)]

    known.catalog.switches = {"T": Switch.of(EVERYTHING_OFF)}
    off = await verdicts(known, cases, moment)
    known.catalog.switches = {"T": Switch.of({"channels": {"email": {"enabled": False}}})}
    no_mail = await verdicts(known, cases, moment)

    assert [words_of(verdict) for verdict in off] == ["not sent: the type is switched off"] * 3
    assert [words_of(verdict) for verdict in no_mail] == [
        None, "not sent: the type's channel email is switched off", None,
    ]  # fmt: skip


async def test_a_rollout_goes_by_the_user_or_else_by_the_room() -> None:
    known = Known()
    places = {key: bucket("T", IN_APP, "", key) for key in ("ann", "topic:deals")}
    between = sum(places.values()) / 2 / 100
    known.catalog.switches = {"T": Switch.of({"channels": {"in_app": {"percent": between}}})}
    cases = [case(channel=IN_APP, room="user:ann"), case(user=None, room="topic:deals", channel=IN_APP)]

    found = await verdicts(known, cases, Moment.EMIT)

    assert [words_of(verdict) is None for verdict in found] == [
        places["ann"] < between * 100,
        places["topic:deals"] < between * 100,
    ]
    assert sorted(type(verdict) is Send for verdict in found) == [False, True]


async def test_facts_tell_the_flag_the_percentage_and_the_bucket() -> None:
    known = Known()
    known.catalog.switches = {"T": Switch.of({"channels": {"email": {"percent": 40}}})}

    [judged] = await known.judge().judge([case(to="ann@example.org")], Moment.PREVIEW)

    assert isinstance(judged, Judged)
    flag, found = judged.facts
    assert flag == Flag(type_on=True, channel_on=True, overridden=False)
    assert isinstance(found, Share)
    assert (found.percent, found.overridden, found.bucket) == (40, True, bucket("T", EMAIL, "", "ann"))


async def test_what_is_only_of_mail_stops_no_other_channel() -> None:
    known = Known(receipt=Receipt(read_at=AT), online=True)
    cases = [case(unless, channel=IN_APP, user="bob") for unless in Unless]

    for moment in Moment:
        assert await verdicts(known, cases, moment) == [Send()] * 3
    assert known.asked == []


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


async def ended(judge: Judge, given: Lease) -> Ending | None:
    return ending_of(await judge.at_lease(given, NOW), given, NOW)


async def test_at_a_lease_the_rule_and_its_words_end_it() -> None:
    known = Known(receipt=Receipt(read_at=AT))

    ending = await ended(known.judge(), lease(Unless.READ))

    assert ending == Skipped(rule="unless", reason="ann read it at 10:02 UTC")
    assert known.asked == ["exact suppressions ann@example.org", "receipts ann n1"]


@pytest.mark.parametrize("given", [lease(), lease(Unless.READ), lease(Unless.ONLINE, room="topic:deals")])
async def test_at_a_lease_what_no_gate_stops_is_sent(given: Lease) -> None:
    assert await ended(Known(online=True).judge(), given) is None


async def test_at_a_lease_what_was_switched_off_meanwhile_is_skipped() -> None:
    known = Known()
    known.catalog.switches = {"T": Switch.of(EVERYTHING_OFF)}

    assert await ended(known.judge(), lease()) == Skipped(rule="switch", reason="the type is switched off")
    known.catalog.switches = {"T": Switch.of({"channels": {"email": {"percent": 0}}})}
    [skipped, shared] = [await ended(known.judge(), lease(room=room)) for room in ("user:ann", "topic:deals")]

    assert (skipped.rule, shared.rule) == ("rollout", "rollout")
    assert str(bucket("T", EMAIL, "", "topic:deals")) in shared.reason


async def test_a_lease_that_cannot_be_judged_is_the_stores_failure() -> None:
    known = Known()
    known.failure = StoreUnavailable("away")

    with pytest.raises(StoreUnavailable):
        await ended(known.judge(), lease(Unless.READ))


def gate(verdict: Verdict) -> Gate[Attention]:
    """A gate of a later rule, with facts of its own."""

    async def gather(sources: Sources, cases: Sequence[Case]) -> list[Attention | None]:
        del sources
        return [NOTHING for _ in cases]

    return Gate(
        rule="later", facts=Attention, judge=lambda _case, _facts: verdict,
        wants=lambda _case, _moment: True, gather=gather,
    )  # fmt: skip


async def test_a_rule_that_is_not_in_use_is_not_asked_for_its_facts() -> None:
    idle = replace(gate(Skip(rule="later", detail="x")), in_use=lambda sources, cases: sources.catalog.in_use)
    known = Known()

    assert await ended(known.judge([idle]), lease()) is None
    known.catalog.switches = {"OTHER": Switch.of(EVERYTHING_OFF)}
    assert await ended(known.judge([idle]), lease()) == Skipped(rule="later", reason="x")


async def test_a_rule_that_holds_a_mail_has_it_decided_again_later_uncounted() -> None:
    verdict = Delay(until=NOW + timedelta(hours=8), rule="quiet", detail="quiet hours")

    ending = await ended(Known().judge([gate(verdict)]), lease())

    assert ending == Postponed(until=verdict.until, reason="quiet hours", rule="quiet", counted=False)


async def test_what_becomes_part_of_a_digest_is_not_sent_by_itself() -> None:
    at, latest = NOW + timedelta(hours=1), NOW + timedelta(hours=4)
    window = Window(key="daily", closes_at=at, latest_at=latest, silence=timedelta(minutes=5))
    verdict = Merge(window=window, rule="digest", detail="in the digest of 18:00")

    ending = await ended(Known().judge([gate(verdict)]), lease())

    assert isinstance(ending, Gathered)
    assert (ending.rule, ending.reason) == ("digest", "in the digest of 18:00")
    assert ending.silence == timedelta(minutes=5)
    opened = ending.digest
    assert (opened.room, opened.key, opened.rule, opened.lead) == ("user:ann", "daily", "digest", None)
    assert (opened.opened_at, opened.closes_at, opened.latest_at) == (NOW, at, latest)


async def test_presence_that_cannot_be_asked_stops_nothing() -> None:
    known = Known()

    async def away(_: str) -> bool:
        raise ConnectionError

    judge = Judge(
        Sources(catalog=known.catalog, contacts=known, receipts=known, suppressions=known, is_online=away)
    )

    assert await ended(judge, lease(Unless.ONLINE)) is None


async def test_what_every_gate_says_is_told_with_its_facts() -> None:
    known = Known(receipt=Receipt(read_at=AT))
    last = gate(Skip(rule="later", detail="not today"))
    judge = known.judge([*GATES, last])

    explained = await judge.explain(case(Unless.READ, notification_id="n1"))

    steps = {step.rule: step for step in explained.steps}
    assert explained.verdict == Skip(rule="unless", detail="ann read it at 10:02 UTC")
    assert (steps["address"].fact, steps["address"].verdict) == (KNOWN, None)
    assert steps["unless"].verdict is explained.verdict
    assert isinstance(steps["later"].verdict, Skip)


async def test_a_case_that_nothing_stops_is_explained_as_sent() -> None:
    explained = await Known().judge([]).explain(case())

    assert (explained.channel, explained.verdict, explained.steps) == (EMAIL, Send(), ())
