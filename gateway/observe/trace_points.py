"""The points of a trace's line, by what they are told from. Each function is pure.

They only order and name what is kept. The words are those of docs/protocol.md; a page of the dashboard knows
them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import datetime

from gateway.notify.clicks.judging import Posted, judge_open
from gateway.notify.records import Record
from gateway.observe.traced import NodeView, Point, TracedMail, Via
from storage.audit import DONE, Deed
from storage.courses import Course, StepKind
from storage.mail import Mail, MailState
from storage.notifications import Notification
from storage.receipts import Receipt
from storage.searching import Provenance

READERS = 100
"""Whose acts are shown."""
ACTED = "acted"
"""The name of a press."""
NAMES = {"snoozed_until": "returns"}
"""Of what a receipt holds, that is not called by its name."""
HEARD = {
    MailState.DELIVERED: StepKind.DELIVERED,
    MailState.BOUNCED: StepKind.BOUNCED,
    MailState.COMPLAINED: StepKind.COMPLAINED,
}
"""What is said of a mail after it was sent, by the step that is kept of it."""


def of_call(told: Notification, provenance: Provenance | None, now: datetime) -> Iterator[Point]:
    """How it came, and whether it is still shown.

    A notification that a rule hides was stored as well; only the hiding is told.
    """
    if provenance is not None:
        origin = provenance.origin
        yield Point(
            at=told.created_at,
            via=Via.CALL,
            what="called",
            by=None if origin is None else origin.by,
            detail=None if origin is None else origin.request_id,
        )
    entry = told.entry
    if entry is not None and entry.hidden_by is not None:
        yield Point(
            at=told.created_at, via=Via.INBOX, what="hidden", rule=entry.hidden_by, detail=entry.hidden_why
        )
    elif told.seq is not None:
        yield Point(at=told.created_at, via=Via.INBOX, what="stored", detail=f"{told.room} #{told.seq}")
    if told.recalled_at is not None:
        yield Point(at=told.recalled_at, via=Via.INBOX, what="recalled")
    if told.expires_at is not None:
        what = "expired" if told.expires_at <= now else "expires"
        yield Point(at=told.expires_at, via=Via.INBOX, what=what)


def of_nodes(nodes: Sequence[NodeView]) -> Iterator[Point]:
    """When a node has written it to its sessions, as far as it remembers.

    A node that has written it to nobody tells no point.
    """
    for view in nodes:
        if view.written_at is not None and view.reached:
            sessions = ", ".join(view.sessions) or None
            yield Point(
                at=view.written_at, via=Via.INBOX, what="written", by=view.node, detail=sessions, count=view.reached
            )  # fmt: skip


def of_readers(record: Record) -> Iterator[Point]:
    """What people did with it: each time that a receipt holds.

    The fields of a receipt are gone through by name, so that a new one is told without a change here.
    """
    for user, receipt in list(record.receipts.items())[:READERS]:
        for name in (field.name for field in fields(Receipt)):
            at = getattr(receipt, name)
            if isinstance(at, datetime):
                what = NAMES.get(name, name.removesuffix("_at"))
                detail = receipt.acted if what == ACTED else None
                yield Point(at=at, via=Via.READER, what=what, by=user, detail=detail)


def of_hits(record: Record) -> Iterator[Point]:
    """Who, or what, has followed links of its mail."""
    for hit in record.clicks:
        confirmed = "" if hit.confirmed_at is None else ", confirmed"
        why = f": {', '.join(hit.why)}" if hit.why else ""
        yield Point(
            at=hit.at, via=Via.MAIL, what="followed", by=hit.user, mail=hit.mail, detail=f"{hit.kind}{confirmed}{why}"
        )  # fmt: skip


def of_opens(record: Record, mails: Mapping[str, Mail]) -> Iterator[Point]:
    """That its mail was opened, and what looks as if it had: it proves nothing. `mails` are those of the trace, by id."""
    for opened in record.opens:
        mail = mails.get(opened.mail)
        posted = None if mail is None else Posted.of(mail)
        hits = [hit for hit in record.clicks if hit.mail == opened.mail]
        kind, rules = judge_open(opened, hits, posted)
        why = f": {', '.join(rules)}" if rules else ""
        yield Point(
            at=opened.at, via=Via.MAIL, what="opened", by=opened.user, mail=opened.mail, detail=f"{kind}{why}"
        )


def of_deeds(deeds: Sequence[Deed]) -> Iterator[Point]:
    """What admins and services did to it."""
    for deed in deeds:
        outcome = "not known" if deed.outcome is None else deed.outcome
        detail = None if outcome == DONE else outcome
        yield Point(at=deed.at, via=Via.DEED, what=deed.operation, by=deed.by, detail=detail)


def of_mail(traced: TracedMail, course: Course) -> Iterator[Point]:
    """The way of one mail: the steps that are kept, and where it stands now.

    A state that a kept step tells already is not told twice.
    """
    mail, id_ = traced.mail, traced.id

    def point(at: datetime, what: str, **more: object) -> Point:
        """A point of this mail."""
        return Point(at=at, via=Via.MAIL, what=what, mail=id_, **more)  # type: ignore[arg-type]

    for step in course.steps:
        yield point(
            step.at, step.kind.value, detail=step.said, count=step.attempt, rule=step.rule, code=step.code
        )
    if mail.sent_at is not None:
        yield point(mail.sent_at, "sent", detail=mail.relay_id, count=mail.attempts)
    kept = {step.kind for step in course.steps}
    match mail.state:
        case MailState.PENDING:
            yield point(mail.due_at, "due", detail=mail.reason, rule=mail.decided_by)
        case MailState.LEASED:
            yield point(mail.updated_at, "sending", count=mail.attempts)
        case MailState.GATHERED | MailState.MERGED | MailState.SKIPPED:
            yield point(mail.updated_at, mail.state.value, detail=mail.reason, rule=mail.decided_by)
        case MailState.DEAD if StepKind.BURIED not in kept:
            # Given up on before steps were kept.
            yield point(mail.updated_at, "buried", detail=mail.reason, code=mail.code, count=mail.attempts)
        case state if state in HEARD and HEARD[state] not in kept:
            yield point(mail.updated_at, state.value, detail=mail.reason)
