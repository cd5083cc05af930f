"""The shelf of the recipients of campaigns: for each a row that says what became of it.

A row is decided once: from `pending` it goes to what it was decided to be, and no second decision changes that. A mail that is
owed is an obligation of the outbox, which has its own lease; what became of it is collected from there. So whoever decides may
die at any point, and several may decide at once: the same rows come to the same ends, and one mail.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from storage.campaigns import RULE, Campaign, Lead
from storage.encoding import cursor_text, micros
from storage.mail import AFTER_SENT, MailState
from storage.obligations import Obligation

DUPLICATE = "duplicate"
"""By this a recipient is skipped whose address another recipient of the campaign has."""
DUPLICATE_REASON = "another recipient of the campaign has its address"
UNOWED = timedelta(minutes=1)
"""After this a recipient whose mail was never stored is decided again: whoever was at it has died in between."""


class RecipientState(StrEnum):
    """A row goes from `pending` to one of the others, from `owed` to an end; back only when a dead one is tried
    again, or a mail is held until later.
    """

    PENDING = "pending"  # not decided yet, or to be decided later
    OWED = "owed"  # its mail is in the outbox
    SENT = "sent"
    SKIPPED = "skipped"  # a rule says that it gets none
    DEAD = "dead"  # given up on
    CANCELLED = "cancelled"  # the campaign was, before it was this one's turn


class Heard(StrEnum):
    """What was heard of those who were sent it, by which they can be looked for as by their state."""

    BOUNCED = "bounced"  # the mail came back
    COMPLAINED = "complained"  # its reader called it spam
    CLICKED = "clicked"  # a person has followed a link of it


class Counted(StrEnum):
    """What an experiment counts of a recipient, by the field that says when."""

    CLICK = "clicked_at"
    CONVERSION = "converted_at"


def end_of(
    state: MailState, rule: str | None, reason: str | None
) -> tuple[RecipientState, str | None, str | None]:
    """What a recipient comes to by what became of the mail, with the rule and the reason.

    `state` is one in which nobody is at work on the mail any more. What bounced was sent: the campaign did its part.
    """
    if state in AFTER_SENT:
        return RecipientState.SENT, None, None
    if state is MailState.DEAD:
        return RecipientState.DEAD, None, reason
    if rule == RULE:
        return RecipientState.CANCELLED, None, None
    return RecipientState.SKIPPED, rule or reason, reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """Somebody who is to be sent the campaign's mail.

    `id` is the caller's; by the ids recipients are in the order in which they were written down.
    """

    id: str
    user: str
    """Each once in a campaign."""
    address: str | None = None
    """None: the one that is known of the user when it is decided."""
    given: str | None = None
    """What was told of them beside, as its writer encodes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What a recipient is decided to be: `owed` with its obligation, `skipped`, `dead`, or `pending` until later.

    It is decided by whoever leads, out of what the store says of a person at that moment, and is written once.
    """

    id: str
    state: RecipientState
    obligation: Obligation | None = None
    wake_at: datetime | None = None
    """Of one that is pending; None: it waits for `choose`."""
    rule: str | None = None
    reason: str | None = None
    variant: str | None = None
    """That has fallen to it by lot."""


def second(each: Decided) -> Decided:
    """What somebody is decided to be whose address another recipient has; whoever was drawn stays drawn."""
    return Decided(
        id=each.id,
        state=RecipientState.SKIPPED,
        rule=DUPLICATE,
        reason=DUPLICATE_REASON,
        variant=each.variant,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientRow:
    """A recipient, and what became of it.

    `address` is the one that the mail went to, where there is a mail; None for who was erased.
    """

    id: str
    user: str | None
    """None: erased."""
    address: str | None
    state: RecipientState
    rule: str | None
    reason: str | None
    mail: str | None
    """The obligation, where there is or was one."""
    mail_state: MailState | None
    updated_at: datetime
    variant: str | None = None
    """That has fallen to it by lot; None where none has, or none yet."""
    clicked_at: datetime | None = None
    """When a person has first followed a link of its mail."""
    converted_at: datetime | None = None
    """When it was first said that they have done what the campaign is to bring about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantCount:
    """What became of those to whom a variant has fallen by lot.

    `clicked` is never more than `sent`, nor that than `assigned`.
    """

    assigned: int = 0
    sent: int = 0
    clicked: int = 0
    """Of those sent, by a person."""
    converted: int = 0
    """Of those sent, as was said of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientPage:
    """Some recipients, and where the next page begins: `next` goes into `Recipients.page`, None at the end."""

    items: tuple[RecipientRow, ...]
    next: str | None


def place_of_click(row: RecipientRow) -> str:
    """Where the page behind this one begins, among those who have clicked."""
    assert row.clicked_at is not None
    return cursor_text(micros(row.clicked_at), row.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientCounts:
    """Counted, not kept: over the rows, and over the obligations beside them.

    The two are read one after the other, while mail leaves: they may differ by what was under way.
    """

    rows: Mapping[RecipientState, int]
    skipped: Mapping[str, int] = field(default_factory=dict)
    """By rule."""
    mails: Mapping[MailState, int] = field(default_factory=dict)
    clicked: int = 0
    """Of those sent, who have followed a link."""


class Recipients(Protocol):
    """The recipients of all campaigns.

    A mail is owed after its recipient is written down as owed, or with it: never is there mail to somebody of whom
    nothing is said here. Where a process died between the two, `collect` finds a recipient without a mail, and after
    `UNOWED` has it decided again, which comes to the same obligation.
    """

    async def add(
        self, campaign_id: str, recipients: Sequence[Recipient], *, now: datetime, gathering: bool = False
    ) -> int | None:
        """Write recipients down, durably; answers how many were new: a user who is known stays as is.

        None, and no change, once the campaign is no draft any more; with `gathering`, unless it runs and not all are
        written down.

        In no transaction with the look at the campaign: one that is started meanwhile keeps those it has counted, and
        the others are taken back, with None as the answer. It may be repeated. Ids are the caller's and made anew each
        time.
        """
        ...

    async def due(self, campaign_id: str, *, limit: int, now: datetime) -> list[Recipient]:
        """Recipients to be decided now, those who wait longest first.

        It takes none: the lead of the campaign is what keeps two from deciding, and where two do, the first has its
        way. Those who were erased are not due.
        """
        ...

    async def pending(self, campaign_id: str, *, after: str | None, limit: int) -> list[Recipient]:
        """Recipients who are still to be decided, in the order in which they were written down, those behind `after`.

        Those who wait for a variant, or for a time, are among them. Fewer than `limit` is the end.
        """
        ...

    async def next_due(self, campaign_id: str) -> datetime | None:
        """When the next pending one is to be decided; None when none is pending, or all that are wait for a variant."""
        ...

    async def decide(self, lead: Lead, decided: Sequence[Decided], *, now: datetime) -> int:
        """Keep what was decided of pending recipients, and owe the mails; answers how many mails are owed by it.

        Who is not pending any more stays as is. Of two who come to one obligation the second is skipped as `DUPLICATE`.
        Nothing is changed when the campaign does not run any more. Its state is looked at, and not whose lead it is: a
        leader that was overtaken decides what is pending still, and of others changes nothing.
        """
        ...

    async def collect(self, campaign_id: str, *, limit: int, now: datetime) -> int:
        """Take over what became of up to `limit` mails that were owed; answers how many still are.

        It may be called by anybody and again. What is collected does not change any more when the mail bounces later:
        that is told by the mail. A mail that a rule other than the campaign's holds until later, and that was not tried
        yet, is taken back: its recipient is pending until then, with that rule, and not owed. One that is still owed is
        counted, whatever else its mail waits for.
        """
        ...

    # What is told of them

    async def counts(self, campaign_id: str) -> RecipientCounts:
        """How many recipients came to which state, by which rules, and how their mails stand.

        It goes through an index of the campaign's rows and of its mails: it costs by how many they are.
        """
        ...

    async def page(
        self, campaign_id: str, *, state: RecipientState | Heard | None, after: str | None, limit: int
    ) -> RecipientPage:
        """In the order in which they were written down; those who have clicked in that in which they first did, those of whose
        mail something was heard in any that stays.

        Of one state, or of all for None. `after` is `next` of the page before; `limit` of them at most. Of those
        who have clicked it raises `InvalidCursor` for any other.
        """
        ...

    async def of_user(self, user: str, *, limit: int) -> list[tuple[Campaign, RecipientRow]]:
        """The campaigns that a user is or was a recipient of, newest first.

        By when they were written down. It is part of what a user is told of themselves; none after an erasure.
        """
        ...

    # Variants

    async def clicked(self, campaign_id: str, mail: str, *, at: datetime) -> None:
        """A person has followed a link of this recipient's mail: the first time counts.

        Idempotent; a mail that is nobody's in this campaign, such as a test's, changes nothing.
        """
        ...

    async def converted(self, campaign_id: str, users: Sequence[str], *, at: datetime) -> None:
        """These have done what the campaign is to bring about: of each the first time counts, and of those alone who have a
        variant by lot and whose mail has left by now. Who is no such recipient is passed over.
        """
        ...

    async def variant_counts(
        self, campaign_id: str, *, until: datetime | None = None
    ) -> dict[str, VariantCount]:
        """By variant, of those who have one by lot. What they first did after `until` is not counted.

        A variant that has fallen to nobody is absent.
        """
        ...

    async def conversions(
        self, campaign_id: str, by: Counted, *, limit: int, until: datetime | None = None
    ) -> list[str]:
        """The variants of those who have one by lot, were sent the mail and have done this, in the order in which they
        first did, and not after `until`.

        It is what a variant is chosen by before all have answered: a sequence, as its test looks at it step by step.
        """
        ...
