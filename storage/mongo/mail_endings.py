"""Ending leases: what is written into the mail, as long as the lease is still its token's."""

import secrets
from collections.abc import Sequence
from datetime import datetime

from pymongo import UpdateOne

from storage.courses import step_of
from storage.encoding import micros
from storage.endings import Buried, Postponed, Released, Sent, Settled, Skipped
from storage.mail import MailState
from storage.mongo import mail_rows
from storage.mongo.collections import NOTIFICATIONS, Collections, Document
from storage.mongo.mail_rows import BOTH, ENDED, OBLIGATIONS
from storage.obligations import Lease


async def end_together(
    c: Collections, endings: Sequence[tuple[Lease, Settled]], *, now: datetime
) -> list[bool]:
    """Whether each lease was still its token's, and is ended so now; one write for each of the collections.

    A crash between the two collections leaves the second's leases to end. Each id is in `endings` once.
    """
    done: set[str] = set()
    for name in BOTH:
        some = [(lease, ended(lease, ending, now)) for lease, ending in endings if _home(lease) == name]
        done |= await _end_all(c, name, some)
    return [lease.id in done for lease, _ in endings]


def ended(lease: Lease, ending: Settled, now: datetime) -> Document:
    """What is changed in a mail whose lease ends so.

    It judges nothing: who writes it does so where the token still is.
    """
    at = micros(now)
    fields: Document = {"mail.updated_at": at}
    removed = {"mail.token": ""}
    attempts = 0
    match ending:
        case Sent(relay_id=relay_id, relay_key=relay_key):
            fields |= said(MailState.SENT) | {"mail.sent_at": at, "mail.relay_id": relay_id}
            # What has none stays out of the index.
            fields |= {} if relay_key is None else {"mail.relay_key": relay_key}
            removed = ENDED
        case Skipped(rule=rule, reason=reason):
            fields |= said(MailState.SKIPPED, reason=reason, decided_by=rule)
            removed = ENDED
        case Buried(reason=reason, code=code):
            fields |= said(MailState.DEAD, reason=reason, code=code)
            removed = ENDED
        case Postponed(until=until, reason=reason, code=code, counted=counted, rule=rule):
            due_at = micros(until)
            fields |= said(MailState.PENDING, reason=reason, code=code, decided_by=rule)
            fields |= {"mail.due_at": due_at, "mail.wake": due_at}
            attempts = 0 if counted else -1
        case Released():
            # While it is leased nobody else moves the time it is due.
            fields |= {"mail.state": "pending", "mail.wake": micros(lease.mail.due_at)}
            attempts = -1
    update = {"$set": fields, "$unset": removed} | mail_rows.stepped(step_of(ending, lease, now))
    return update | ({"$inc": {"mail.attempts": attempts}} if attempts else {})


async def change_held(c: Collections, lease: Lease, update: Document) -> bool:
    """Change the mail if the lease is still this token's."""
    return (await c[_home(lease)].update_one(_token_of(lease), update)).matched_count == 1


def said(
    state: MailState, *, reason: str | None = None, code: int | None = None, decided_by: str | None = None
) -> Document:
    """The fields that an ending sets anew; None where it says nothing."""
    return {
        "mail.state": state.value,
        "mail.reason": reason,
        "mail.code": code,
        "mail.decided_by": decided_by,
    }


async def _end_all(c: Collections, name: str, endings: Sequence[tuple[Lease, Document]]) -> set[str]:
    """End several of one collection in one write; answers the ids of those whose lease was still their token's."""
    if len(endings) == 1:
        [(lease, update)] = endings
        return {lease.id} if await change_held(c, lease, update) else set()
    if not endings:
        return set()
    # The server counts those it has found, and does not say which: that is read from the mails, where it is not all.
    mark = secrets.randbits(62)
    writes = [
        UpdateOne(_token_of(lease), {**update, "$set": {**update["$set"], "mail.ended_in": mark}})
        for lease, update in endings
    ]
    ids = [lease.id for lease, _ in endings]
    if (await c[name].bulk_write(writes, ordered=False)).matched_count == len(ids):
        return set(ids)
    found = c[name].find({"_id": {"$in": ids}, "mail.ended_in": mark}, {"_id": 1})
    return {document["_id"] for document in await found.to_list()}


def _token_of(lease: Lease) -> Document:
    """Where the lease is still this token's."""
    return {"_id": lease.id, "mail.token": lease.token}


def _home(lease: Lease) -> str:
    return NOTIFICATIONS if lease.is_own else OBLIGATIONS
