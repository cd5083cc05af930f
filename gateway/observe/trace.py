"""The trace of one notification: all that is known of its way, on one line of time.

It is put together as it is asked for, from the store, and from what the nodes remember of their sockets. Nothing is written
for it but by which call a notification came, and the steps of a mail that did not leave at once.

It cannot know whether a frame that was written has arrived, and when a session was given what it had missed: what says that
somebody has it are their own acts. How far each thing is exact stands in docs/protocol.md.

It reads and never writes. `trace_points` makes the line of what was read, `traced` has the values.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from gateway.ground.clock import Clock
from gateway.notify.auditing import AuditBook
from gateway.notify.deciding.decision import gates_of
from gateway.notify.deciding.sayings import sayings
from gateway.notify.delivery.cursors import Delivery
from gateway.notify.records import Records
from gateway.observe import trace_points as points
from gateway.observe.peers import Facts, PeerAnswers, Peers
from gateway.observe.traced import NodeView, Trace, TracedMail
from storage.campaigns import TEST, Campaign, Campaigns
from storage.courses import Course
from storage.notifications import Notification
from storage.obligations import Kind, Subject
from storage.outbox import MailSearch, Outbox
from storage.searching import FoundPage, Search
from storage.streams import Streams

MAILS = 20
"""Of one notification, that are shown. The newest ones."""
DEEDS = 50
"""Of those done to it, that are shown."""
WRITTEN = "written"
"""The question to the nodes."""
SCHEDULED = "scheduled:"
"""How the idempotency key begins of what was emitted at its time; the rest is its id."""


class Tracer:
    """The use cases of traces. They raise `StorageError` when the store is away.

    One for a node. A trace costs a handful of queries and one question to the nodes, which half a second
    bounds.
    """

    def __init__(
        self,
        *,
        records: Records,
        streams: Streams,
        outbox: Outbox,
        campaigns: Campaigns,
        audit: AuditBook,
        delivery: Delivery,
        peers: Peers,
        clock: Clock,
    ) -> None:
        self._records = records
        self._streams = streams
        self._outbox = outbox
        self._campaigns = campaigns
        self._audit = audit
        self._delivery = delivery
        self._peers = peers
        self._clock = clock
        peers.answers[WRITTEN] = self._written_here

    async def search(self, asked: Search, *, before: str | None, limit: int) -> FoundPage:
        """A page of what was emitted, newest first. Raises `InvalidCursor`.

        A page looks at a bounded number of notifications, so it may be short and still have a next one.
        """
        return await self._streams.search(asked, before=before, limit=limit)

    async def trace(self, id_: str) -> Trace | None:
        """All that is known of the notification, or of the mail that stands by itself; None for an unknown id."""
        record = await self._records.find(id_)
        if record is None:
            return None
        provenance = await self._streams.provenance(id_)
        mails = await self._mails_of(record.notification)
        # While nodes are asked nothing else is read: a trace is for people, who do not ask often.
        told = await self._written(record.notification)
        nodes = [view for node, facts in told.answers.items() if (view := _view(node, facts)) is not None]
        deeds = await self._audit.to(id_, limit=DEEDS)
        line = [
            *points.of_call(record.notification, provenance, self._clock()),
            *points.of_nodes(nodes),
            *points.of_readers(record),
            *points.of_hits(record),
            *points.of_opens(record, {traced.id: traced.mail for traced, _ in mails}),
            *points.of_deeds(deeds),
        ]
        for traced, course in mails:
            line += points.of_mail(traced, course)
        key = None if provenance is None else provenance.key
        return Trace(
            notification=record.notification,
            provenance=provenance,
            receipts=record.receipts,
            line=sorted(line, key=lambda point: point.at),
            mails=[traced for traced, _ in mails],
            campaign=await self._campaign_of([course.of for _, course in mails], key),
            scheduled=None if key is None or not key.startswith(SCHEDULED) else key.removeprefix(SCHEDULED),
            nodes=sorted(nodes, key=lambda view: view.node),
            silent=told.silent,
        )

    # Mail

    async def _mails_of(self, notification: Notification) -> list[tuple[TracedMail, Course]]:
        """Its own, those that stand by themselves, and that of the digest that tells it."""
        page = await self._outbox.mail_page(MailSearch(of=notification.id), before=None, limit=MAILS)
        found = {each.id: each for each in reversed(page.items)}
        digest = None if notification.mail is None else notification.mail.digest
        if digest is not None and (telling := await self._outbox.find(digest)) is not None:
            found.setdefault(digest, telling)
        courses = await self._outbox.courses(list(found))
        traced = []
        for id_, told in found.items():
            if told.mail is not None and (course := courses.get(id_)) is not None:
                said = sayings(gates_of(course.of), told.mail)
                traced.append((TracedMail(id=id_, of=course.of, mail=told.mail, gates=said), course))
        return traced

    async def _campaign_of(self, subjects: Sequence[Subject], key: str | None) -> Campaign | None:
        """The one whose mail it is, or that it announces in the app."""
        ids = [of.id.removeprefix(TEST) for of in subjects if of.kind is Kind.CAMPAIGN]
        if key is not None and key.startswith("campaign:"):
            ids.append(key.removeprefix("campaign:"))
        return await self._campaigns.find(ids[0]) if ids else None

    # The nodes

    async def _written(self, notification: Notification) -> PeerAnswers:
        """What the nodes know; nobody is asked of what is in no stream."""
        if notification.seq is None:
            return PeerAnswers(answers={}, silent=())
        return await self._peers.ask(WRITTEN, {"room": notification.room, "seq": notification.seq})

    def _written_here(self, asked: Facts) -> Facts:
        """What this node knows of a sequence: how many members it has in the room, whether it has come, and
        to whom it was written.
        """
        room, seq = str(asked["room"]), int(asked["seq"])
        stream = self._delivery.streams.get(room)
        written = self._delivery.written.find(room, seq)
        cursor = None if stream is None else stream.cursor
        facts: dict[str, Any] = {
            "here": 0 if stream is None else len(stream.members),
            "has_come": cursor is not None and cursor >= seq,
        }
        if written is not None:
            facts |= {
                "at": written.at.timestamp(),
                "reached": written.reached,
                "sessions": list(written.sessions),
            }
        return facts


def _view(node: str, facts: Facts) -> NodeView | None:
    """None for what another release tells in another way."""
    try:
        at = facts.get("at")
        return NodeView(
            node=node,
            here=int(facts["here"]),
            has_come=bool(facts["has_come"]),
            written_at=None if at is None else datetime.fromtimestamp(float(at), UTC),
            reached=int(facts.get("reached", 0)),
            sessions=tuple(map(str, facts.get("sessions", ()))),
        )
    except (LookupError, TypeError, ValueError):
        return None
