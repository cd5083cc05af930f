"""What a trace is made of, where no journey walks to its edges."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.cluster.bus.local import LocalBus
from gateway.cluster.commands import PeerAsk, PeerTell
from gateway.notify.deciding.decision import GATES, OF_CAMPAIGNS, OF_TESTS, gates_of
from gateway.notify.deciding.sayings import GateResult, in_words, sayings
from gateway.notify.delivery.written import KEPT, NAMED, WrittenLog
from gateway.observe import trace
from gateway.observe import trace_points as points
from gateway.observe.peers import QUESTIONS_WAITING, Peers
from gateway.observe.traced import TracedMail, Via
from storage.courses import Course
from storage.mail import HASTENED, Mail, MailOrder, MailState
from storage.notifications import Entry, Notification
from storage.obligations import Kind, Subject
from storage.searching import Provenance

NOW = datetime(2026, 11, 26, 10, 30, tzinfo=UTC)
MAIL = Mail(
    order=MailOrder(to="ann@example.org", due_at=NOW), state=MailState.PENDING, due_at=NOW, updated_at=NOW
)


class PartyLine:
    """A bus of one process: what one node says, every node hears, but of those that are `deaf`."""

    carries = True

    def __init__(self) -> None:
        self.nodes: dict[str, Peers] = {}
        self.deaf: set[str] = set()

    async def order_all(self, command: PeerAsk | PeerTell) -> None:
        for name, node in self.nodes.items():
            if name not in self.deaf:
                node.asked(command) if isinstance(command, PeerAsk) else node.told(command)


@asynccontextmanager
async def nodes(*names: str) -> AsyncIterator[PartyLine]:
    line = PartyLine()
    for name in names:
        peers = Peers(bus=line, node=name)  # type: ignore[arg-type]
        peers.answers["name"] = lambda asked, name=name: {"name": name, **asked}
        line.nodes[name] = peers
        peers.start()
    try:
        yield line
    finally:
        for peers in line.nodes.values():
            await peers.stop()


async def test_every_node_is_asked_and_answers_for_itself():
    async with nodes("a", "b", "c") as line:
        told = await line.nodes["a"].ask("name", {"x": 1})

    assert told.silent == ()
    assert told.answers == {name: {"name": name, "x": 1} for name in "abc"}


async def test_who_answered_the_last_time_and_not_now_is_silent_and_waited_for_no_more():
    async with nodes("a", "b", "c") as line:
        await line.nodes["a"].ask("name", {})
        line.deaf = {"c"}

        first, second = [await line.nodes["a"].ask("name", {}) for _ in range(2)]

    assert (first.silent, set(first.answers)) == (("c",), {"a", "b"})
    assert (second.silent, set(second.answers)) == ((), {"a", "b"})


async def test_a_node_that_answers_late_is_waited_for_the_next_time():
    async with nodes("a", "b") as line:
        await line.nodes["a"].ask("name", {})
        line.nodes["a"].told(PeerTell("a", 1, "late", {}))
        line.nodes["a"].told(PeerTell("b", 1, "stranger", {}))

        told = await line.nodes["a"].ask("name", {})

    assert told.silent == ("late",)


async def test_no_more_questions_wait_than_may_and_an_unknown_one_is_not_answered():
    peers = Peers(bus=LocalBus(), node="a")
    peers.answers["name"] = lambda _: {}
    for number in range(QUESTIONS_WAITING + 5):
        peers.asked(PeerAsk("b", number, "name", {}))
    peers.asked(PeerAsk("b", 1, "of-a-newer-release", {}))
    peers.asked(PeerAsk("a", 1, "name", {}))

    assert (await peers.ask("name", {})).answers == {"a": {}}
    assert peers._asked.qsize() == QUESTIONS_WAITING


def test_a_node_remembers_its_newest_and_names_sessions_where_they_are_few():
    log = WrittenLog()
    for seq in range(KEPT + 1):
        log.note("user:ann", seq, 1, {"s1"})
    log.note("all", 1, NAMED + 1, {str(n) for n in range(NAMED + 1)})

    few, many = log.find("user:ann", KEPT), log.find("all", 1)
    assert few is not None
    assert many is not None
    assert (few.reached, few.sessions) == (1, ("s1",))
    assert (many.reached, many.sessions) == (NAMED + 1, ())
    assert log.find("user:ann", 0) is None
    log.forget()
    assert log.find("user:ann", KEPT) is None


@pytest.mark.parametrize(
    "facts", [{}, {"here": None, "has_come": True}, {"here": 1, "has_come": 1, "at": "x"}]
)
def test_what_another_release_tells_otherwise_is_left_aside(facts: dict[str, Any]):
    assert trace._view("b", facts) is None


def said(mail: Mail, *, of: Subject | None = None) -> dict[str, GateResult]:
    subject = of or Subject(kind=Kind.NOTIFICATION, id="n")
    return {each.rule: each.said for each in sayings(gates_of(subject), mail)}


def test_what_the_gates_have_said_is_told_from_the_end():
    skipped = said(replace(MAIL, state=MailState.SKIPPED, decided_by="preferences"))
    assert (skipped["suppression"], skipped["preferences"], skipped["unless"]) == (
        GateResult.PASSED, GateResult.SKIPPED, GateResult.NOT_ASKED,
    )  # fmt: skip
    assert said(replace(MAIL, decided_by="quiet_hours"))["quiet_hours"] is GateResult.HELD
    assert said(replace(MAIL, state=MailState.MERGED, decided_by="digest"))["digest"] is GateResult.MERGED
    assert set(said(replace(MAIL, state=MailState.DEAD)).values()) == {GateResult.PASSED}
    for unknown in (
        MAIL,
        replace(MAIL, decided_by=HASTENED),
        replace(MAIL, state=MailState.SKIPPED, decided_by="collapsed"),
        replace(MAIL, state=MailState.LEASED, decided_by="quiet_hours"),
    ):
        assert set(said(unknown).values()) == {GateResult.UNKNOWN}


@pytest.mark.parametrize(
    ("state", "rule", "words"),
    [
        (MailState.SKIPPED, "unless", "not sent: why"),
        (MailState.PENDING, "quiet_hours", "held until 2026-12-01 07:00 UTC: why"),
        (MailState.PENDING, "digest", "in a digest: why"),
        (MailState.PENDING, "throttle", "in a digest: why"),
        (MailState.GATHERED, "digest", "in a digest: why"),
        (MailState.MERGED, "throttle", "in a digest: why"),
        (MailState.PENDING, HASTENED, None),
        (MailState.PENDING, None, None),
        (MailState.LEASED, "quiet_hours", None),
        (MailState.DEAD, None, None),
    ],
)  # fmt: skip
def test_what_a_rule_has_made_of_a_mail_is_told_in_words(
    state: MailState, rule: str | None, words: str | None
):
    morning = datetime(2026, 12, 1, 7, tzinfo=UTC)
    mail = replace(MAIL, state=state, decided_by=rule, reason="why", due_at=morning)

    assert in_words(mail) == words
    assert in_words(replace(mail, reason=None)) is None


def test_a_campaigns_mail_has_a_gate_more_and_its_test_one_alone():
    assert gates_of(Subject(kind=Kind.DIGEST, id="d")) == GATES
    assert gates_of(Subject(kind=Kind.CAMPAIGN, id="c")) == (*OF_CAMPAIGNS, *GATES)
    assert gates_of(Subject(kind=Kind.CAMPAIGN, id="test:c")) == OF_TESTS


def line_of(mail: Mail, *steps: Any) -> list[tuple[str, str | None]]:
    of = Subject(kind=Kind.NOTIFICATION, id="n")
    traced = TracedMail(id="n", of=of, mail=mail, gates=())
    return [(each.what, each.detail) for each in points.of_mail(traced, Course(of=of, steps=steps))]


@pytest.mark.parametrize(
    ("state", "what"),
    [
        (MailState.PENDING, ["due"]), (MailState.LEASED, ["sending"]), (MailState.GATHERED, ["gathered"]),
        (MailState.SKIPPED, ["skipped"]), (MailState.DEAD, ["buried"]), (MailState.SENT, []),
        (MailState.BOUNCED, ["bounced"]),
    ],
)  # fmt: skip
def test_a_mail_of_before_steps_were_kept_is_told_by_its_state(state: MailState, what: list[str]):
    assert [each for each, _ in line_of(replace(MAIL, state=state, reason="why"))] == what


def test_what_is_hidden_or_is_to_expire_stands_on_the_line():
    told = Notification(
        id="n", room="user:ann", type="T", title="x", data={}, created_at=NOW, in_app=False,
        expires_at=NOW + timedelta(hours=1), entry=Entry(hidden_by="switch", hidden_why="it is off"),
    )  # fmt: skip
    unknown = Provenance(origin=None, key=None)

    now, later = (list(points.of_call(told, unknown, NOW + timedelta(hours=h))) for h in (0, 2))

    assert [(each.via, each.what, each.rule) for each in now] == [
        (Via.CALL, "called", None), (Via.INBOX, "hidden", "switch"), (Via.INBOX, "expires", None),
    ]  # fmt: skip
    assert later[-1].what == "expired"
    # The mail of a digest is in no stream, and was not called for.
    assert list(points.of_call(replace_told(told), None, NOW)) == []


def replace_told(told: Notification) -> Notification:
    return Notification(
        id=told.id, room=told.room, type=told.type, title="x", data={}, created_at=NOW, in_app=False
    )
