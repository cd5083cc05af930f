"""Drafts: the mail of a recipient in question, and what becomes of the recipient by a verdict. Pure.

`drafting` asks for the words and the verdicts.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from msgspec import structs

from gateway.catalog.channels import EMAIL
from gateway.notify.campaigns.plans import Given, Variant, beginning, obligation_id
from gateway.notify.deciding.decision import Judged
from gateway.notify.deciding.gates import address
from gateway.notify.deciding.verdicts import Case, Delay, Send, Skip
from gateway.notify.emitting import owing
from gateway.notify.requests import EmailRequest, EmitRequest
from gateway.notify.wording.scribe import Filled
from storage.campaigns import Campaign
from storage.errors import StorageError
from storage.mail import LaneName
from storage.notifications import Notification
from storage.obligations import Kind, Obligation, Subject
from storage.recipients import Decided, Recipient, RecipientState

REASON_CHARACTERS = 200
"""Of what is wrong with a recipient, so many are kept."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A recipient whose turn may have come.

    Whoever is held out, or waits for the winner, is none.
    """

    recipient: Recipient
    given: Given
    """What the import has told of it; empty for an audience."""
    variant: Variant | None
    is_tried: bool = False
    """Whether the variant has fallen to it by lot."""


@dataclass(frozen=True, slots=True)
class MailDraft:
    """A recipient whose mail has words, and is in question."""

    recipient: Recipient
    filled: Filled
    email: EmailRequest
    case: Case
    variant: str | None
    """Which it is of several ways to say it."""


def drafted(
    campaign: Campaign, candidate: Candidate, filled: Filled | Exception, now: datetime
) -> MailDraft | Decided:
    """The mail in question, or what becomes of a recipient who has none.

    What a scribe refuses, such as data that do not fit any more, ends the recipient: `dead`, with the reason,
    and may be retried.
    """
    recipient, variant = candidate.recipient, candidate.variant
    if isinstance(filled, StorageError):
        raise filled
    if isinstance(filled, Exception):
        return Decided(id=recipient.id, state=RecipientState.DEAD, reason=f"{filled}"[:REASON_CHARACTERS])
    email = filled.request.email
    assert email is not None
    case = case_of(campaign, recipient, filled.request, email, now)
    return MailDraft(recipient, filled, email, case, None if variant is None else variant.name)


def case_of(
    campaign: Campaign, recipient: Recipient, request: EmitRequest, email: EmailRequest, now: datetime
) -> Case:
    """What is to be decided of one recipient.

    What its mail waits for counts from the beginning, at which the app was told, and not from its turn.
    """
    waits = timedelta(seconds=email.after_seconds or 0)
    return Case(
        type=request.type,
        user=recipient.user,
        room=request.rooms[0],
        channel=EMAIL,
        now=now,
        due_at=max(now, beginning(campaign, now) + waits),
        to=recipient.address,
        unless=email.unless,
        lane=LaneName.BULK,
        campaign=campaign.id,
    )


def decided_of(campaign: Campaign, draft: MailDraft, judged: Judged) -> Decided:
    """What the verdict makes of the recipient: owed a mail, skipped, or to be decided later.

    A merge is a send: the verdict's digest is passed over.
    """
    verdict, id_ = judged.verdict, draft.recipient.id
    if isinstance(verdict, Skip):
        return skipped(id_, verdict)
    if isinstance(verdict, Delay):
        return Decided(
            id=id_,
            state=RecipientState.PENDING,
            wake_at=verdict.until,
            rule=verdict.rule,
            reason=verdict.detail,
        )
    of = Subject(kind=Kind.CAMPAIGN, id=campaign.id)
    # A newsletter is a mail of its own: nothing of it is merged into another.
    sent = Judged(Send(), judged.facts)
    try:
        # By the address, so that two recipients who have the same one come to one mail: the second is skipped
        # by the store.
        mail_id = obligation_id(campaign.id, draft.case.to or address.found(judged.facts))
    except ValueError as error:
        return Decided(id=id_, state=RecipientState.DEAD, reason=f"{error}"[:REASON_CHARACTERS])
    return Decided(id=id_, state=RecipientState.OWED, obligation=obligation_of(draft, sent, of, mail_id))


def skipped(id_: str, skip: Skip) -> Decided:
    """A recipient who gets nothing, by this rule."""
    return Decided(id=id_, state=RecipientState.SKIPPED, rule=skip.rule, reason=skip.detail)


def obligation_of(draft: MailDraft, judged: Judged, of: Subject, id_: str) -> Obligation:
    """The mail that is owed, with what it says, as it is now.

    The news is in no stream, and never shown in-app; the app is told once for all (`announced`).
    """
    request, room = draft.filled.request, draft.case.room
    text = draft.filled.texts[room]
    return Obligation(
        id=id_,
        of=of,
        mail=owing.mail_of(draft.email, draft.case, judged, text),
        news=Notification(
            id=id_,
            room=room,
            type=request.type,
            title=text.words.title,
            body=text.words.body,
            link=text.words.link,
            data=request.data,
            created_at=draft.case.now,
            in_app=False,
            entry=text.entry if draft.variant is None else structs.replace(text.entry, variant=draft.variant),
        ),
    )
