"""What came back: reports of delivery (RFC 3464) and of complaints (RFC 5965), and all else that mail is answered with.

A verdict goes by `Action` and `Status` alone, and by the type of feedback. What a machine says in words, as old mail servers do,
is for people to read: words of one server mean another thing at the next.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from mailer import parts
from mailer.parts import Fields, MessagePart

DIAGNOSTIC_CHARACTERS = 300
RECIPIENTS = 20
"""Blocks of a report that are read; a mail of ours has one recipient."""
_STATUS = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})(?!\d|\.\d)")
_ADDRESS = re.compile(r"<([^<>\s]{1,320})>")
_ID = re.compile(r"<([^<>\s]{1,300})>")
_BARE = re.compile(r"[^<>\s,;]{1,128}@[^<>\s,;]{1,255}")
_RETURNED = frozenset(
    {
        "message/rfc822",
        "text/rfc822-headers",
        "message/rfc822-headers",
        "message/global",
        "message/global-headers",
    }
)
_COMING_BACK_TO = ("delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "to")
_LEFT_FROM = ("return-path", "x-envelope-from")


class ReportKind(StrEnum):
    DELIVERY = "delivery"  # what became of a mail
    COMPLAINT = "complaint"  # its reader calls it spam, or says that it is none
    UNSUBSCRIBE = "unsubscribe"  # its reader wants no more, as a provider has heard
    REPLY = "reply"  # a machine's: somebody is away
    OTHER = "other"  # nothing that can be read by a rule


class DeliveryAction(StrEnum):
    """What became of the mail for one recipient (RFC 3464, section 2.3.3)."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    RELAYED = "relayed"
    EXPANDED = "expanded"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientOutcome:
    """Of one recipient."""

    action: DeliveryAction
    status: str
    """The enhanced code; empty where none was given."""
    diagnostic: str
    """In the server's words, without addresses."""
    recipients: tuple[str, ...]
    """As the report names the recipient: the one that was written to, and the one that was reached in the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What came back, read: of what kind it is, what it says of whom, and by what the mail may be found.

    All of it is a stranger's word until its mail is found and shown to be ours. Texts and lists are bounded.
    """

    kind: ReportKind
    outcomes: tuple[RecipientOutcome, ...] = ()
    feedback: str = ""
    """The type of a complaint: `abuse`, `fraud`, `not-spam` …"""
    paths: tuple[str, ...] = ()
    """Where it came back to, and where the mail says that it left from: one of them may be an address of ours."""
    message_ids: tuple[str, ...] = ()
    """Of the mail that is sent back with it, without their brackets."""
    relay_ids: tuple[str, ...] = ()
    """By which the relay may know the mail (`mailer.relay_ids`)."""
    marks: tuple[str, ...] = ()
    """Ids of ours that a provider was given with the mail, and gives back."""
    about: tuple[str, ...] = ()
    """Whom the mail was written to, as a provider says it."""
    happened_at: datetime | None = None
    """As a provider says it; None where nobody does."""
    subject: str = ""
    """Of the report itself."""


def read(raw: bytes, *, came_to: Sequence[str] = ()) -> Report:
    """What a message says; `came_to` are its envelope's recipients. Raises nothing, whatever the message is.

    It takes time by the length that is looked at, `parts.READ_BYTES`, and not by what is in it. For a thread.
    """
    whole = parts.message(raw)
    found = list(parts.walk(whole))
    outcomes = _outcomes(found)
    complaint = next((fields for part in found if (fields := _complaint_of(part)) is not None), None)
    feedback = "" if complaint is None else complaint.get("feedback-type").strip().lower()[:40]
    heads = [_head(part) for part in found if part.type in _RETURNED]
    message_ids = tuple(dict.fromkeys(_ids(heads)))
    return Report(
        kind=_kind(whole, outcomes, feedback),
        outcomes=outcomes,
        feedback=feedback,
        paths=tuple(dict.fromkeys(_paths(whole.fields, heads, complaint, came_to))),
        message_ids=message_ids,
        # A relay that gives mail a Message-ID of its own makes it of its own id.
        relay_ids=tuple(each.partition("@")[0] for each in message_ids),
        subject=parts.words(whole.fields.get("subject"))[:200],
    )


def _kind(whole: MessagePart, outcomes: Sequence[RecipientOutcome], feedback: str) -> ReportKind:
    """A complaint goes before a report of delivery; a machine's answer says so itself (RFC 3834, section 5)."""
    if feedback:
        return ReportKind.COMPLAINT
    if outcomes:
        return ReportKind.DELIVERY
    submitted = re.fullmatch(r"auto-replied\b.*", whole.fields.get("auto-submitted").lower(), re.DOTALL)
    answers = submitted or whole.fields.get("x-autoreply") or whole.fields.get("x-autorespond")
    return ReportKind.REPLY if answers else ReportKind.OTHER


def _outcomes(found: Sequence[MessagePart]) -> tuple[RecipientOutcome, ...]:
    """Of every recipient that a report of delivery names; such a report is a part of this type, whatever is around it."""
    outcomes: list[RecipientOutcome] = []
    for part in found:
        if part.type not in ("message/delivery-status", "message/global-delivery-status"):
            continue
        for block in parts.blocks(part.content()):
            # The first block is about the message, and has no action.
            outcome = _outcome(block)
            if outcome is not None and len(outcomes) < RECIPIENTS:
                outcomes.append(outcome)
    return tuple(outcomes)


def _outcome(block: Fields) -> RecipientOutcome | None:
    """What one block says of its recipient; None of a block without an action."""
    word = re.match(r"[a-z]*", block.get("action").strip().lower())
    action = next((each for each in DeliveryAction if word and each.value == word[0]), None)
    if action is None:
        return None
    status = _STATUS.match(block.get("status"))
    typed = (_typed(block.get(name)) for name in ("original-recipient", "final-recipient"))
    return RecipientOutcome(
        action=action,
        status=status[1] if status else "",
        diagnostic=without_addresses(_untyped(block.get("diagnostic-code"))),
        recipients=tuple(dict.fromkeys(each for each in typed if "@" in each)),
    )


def _typed(value: str) -> str:
    """The address of `rfc822; ann@example.org`, with or without brackets around it."""
    bare = _untyped(value)
    bracketed = _ADDRESS.search(bare)
    return bracketed[1] if bracketed else bare.strip()


def _untyped(value: str) -> str:
    kind, separator, rest = value.partition(";")
    return rest.strip() if separator and re.fullmatch(r"\s*[\w-]{1,30}\s*", kind) else value.strip()


def without_addresses(text: str) -> str:
    """What a server said, as it may be kept and shown."""
    # Word by word: a pattern for addresses would go over a hostile text again and again.
    said = " ".join("<address>" if "@" in word[1:-1] else word for word in text.split())
    return said[:DIAGNOSTIC_CHARACTERS]


def _complaint_of(part: MessagePart) -> Fields | None:
    if part.type != "message/feedback-report":
        return None
    fields = next(parts.blocks(part.content()), None)
    return fields if fields is not None and fields.get("feedback-type") else None


def _head(part: MessagePart) -> Fields:
    """The head of a mail that is sent back, which is what this part holds."""
    return parts.message(part.content().lstrip(b"\r\n")).fields


def _paths(
    head: Fields, returned: Sequence[Fields], complaint: Fields | None, came_to: Sequence[str]
) -> Iterator[str]:
    """Addresses of which one may be our return path: where it came to, and where the mail that is sent back had left from."""
    yield from came_to
    for name in _COMING_BACK_TO:
        for value in head.all(name)[:5]:
            yield from _BARE.findall(value[:1000])
    if complaint is not None:
        yield from _BARE.findall(complaint.get("original-mail-from")[:1000])
    for fields in returned:
        for name in _LEFT_FROM:
            yield from _BARE.findall(fields.get(name)[:1000])


def _ids(returned: Sequence[Fields]) -> Iterator[str]:
    for fields in returned:
        match = _ID.search(fields.get("message-id"))
        if match is not None:
            yield match[1]
