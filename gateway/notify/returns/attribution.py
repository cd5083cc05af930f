"""Which mail a report is about, and what suffices to say so.

Anybody can send a report. Of what one holds, these count, from whomever it comes:

- an address that it came back to, which only we can have made (`mailer.envelope`);
- a Message-ID of ours, with the mail's recipient: half of it is random, and nobody has seen it but who has had the mail. One that
  is made of what people know, such as that of a newsletter's recipient, is none of these;
- the relay's own id, with the recipient, where that is random too (`mailer.relay_ids`): a queue id can be guessed.

Who has shown to be the provider is believed in what it was given with a mail, and in any id that it gave the mail.

It only finds: what follows of a report is for `reports`, which is also the only caller. `mailer.reports` has
read the report before; here nothing of its text is looked at any more.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from enum import Enum, auto

from gateway.notify.suppressions.lookup import forms_of
from mailer.envelope import ReturnPath
from mailer.relay_ids import is_unguessable
from mailer.reports import DeliveryAction, RecipientOutcome, Report, ReportKind
from storage.errors import StoreUnavailable
from storage.mail import AFTER_SENT, Mail, MailState
from storage.notifications import Notification
from storage.obligations import Subject
from storage.outbox import Outbox

SETTLING_SECONDS = 0.2
"""The pause between two looks at a mail that its worker still holds."""
SETTLING_LOOKS = 50
"""How often such a mail is looked at: `of` and `named` wait ten seconds at most before they give up with `StoreUnavailable`."""
CLUES = 20
"""How many ids of one kind are followed of one report. Each costs a question to the store, and whoever sends
the report chooses their number.
"""
_RANDOM_VERSION = 7
"""The version of the UUIDs that we make: what stands behind their time is random."""


class Trust(Enum):
    """From whom a report is.

    It is the caller's to know: what comes by mail is from anybody, what a provider has posted with its
    signature or password is from the provider (`Returns.hear_provider`).
    """

    ANYBODY = auto()
    PROVIDER = auto()  # it has shown that


@dataclass(frozen=True, slots=True)
class Ours:
    """A mail of ours that something is said of, as the store had it when it was found. It is a snapshot:
    another report may change the state in between, and the store's `came_back` decides then.
    """

    told: Notification
    """What the mail told; its id is the mail's."""
    mail: Mail
    of: Subject | None
    """What the mail is of; None of one that was deleted just then."""

    @property
    def id(self) -> str:
        return self.told.id

    @property
    def forms(self) -> tuple[str, ...]:
        """Its address, in the form that addresses are compared by; none for one that was forgotten."""
        return forms_of([self.mail.order.to])

    def is_of(self, outcome: RecipientOutcome) -> bool:
        """Whether that became of this mail's recipient."""
        return bool({*self.forms} & {*forms_of(outcome.recipients)})

    def decisive(self, report: Report) -> RecipientOutcome | None:
        """What the report says of it in the end; None for what only tells that it goes on.

        Beyond a forwarding address there may be several recipients: one that has got it is enough.

        A report that names no recipient of ours is taken for the whole: some servers name only where they
        forwarded it.
        """
        mine = [outcome for outcome in report.outcomes if self.is_of(outcome)] or report.outcomes
        for action in (DeliveryAction.DELIVERED, DeliveryAction.FAILED):
            for outcome in mine:
                if outcome.action is action:
                    return outcome
        return None

    def has_been(self, state: MailState) -> bool:
        """Whether as much is known of it, or more.

        The states after `sent` outweigh one another in the order of `AFTER_SENT`, so a repetition of a report
        is known by this.
        """
        return self.mail.state in AFTER_SENT[AFTER_SENT.index(state) :]


class Attribution:
    """Finds the mail that a report is about. Raises `StorageError` when the store is away.

    It keeps nothing but its settings, so one is enough for a process, and any number of reports may be looked
    at at once.
    """

    def __init__(self, outbox: Outbox, path: ReturnPath | None, domains: Collection[str]) -> None:
        """`domains` are those that our Message-IDs end with."""
        self._outbox = outbox
        self._path = path
        self._domains = frozenset(domains)

    def takes(self, address: str) -> bool:
        """Whether a report that came to this address is of a mail of ours.

        For whoever receives mail: asked of an address, before there is a message. Without a bounce
        domain, no address is ours.
        """
        return self._path is not None and self._path.obligation(address) is not None

    async def of(self, report: Report, trust: Trust) -> Ours | None:
        """The mail that the report is about; None when it cannot be known.

        Raises `StoreUnavailable` for one whose worker has not written down yet what became of it.

        The return path is looked at first, for it alone needs no recipient: nobody but us can have made it.
        What names a mail by an id is believed only with the mail's recipient beside it.
        """
        for mail in self._by_path(report):
            if (ours := await self._find(mail)) is not None:
                return await self._settled(ours)
        async for mail in self._by_ids(report, trust):
            if (ours := await self._find(mail)) is not None and _names(report, ours):
                return await self._settled(ours)
        return None

    async def named(self, *, mail: str | None, message_id: str | None, relay_id: str | None) -> Ours | None:
        """The mail that somebody means whom we believe, by one of these; None when none is found.

        The first that is given counts: the mail's own id, then the Message-ID, then the relay's id. No
        recipient is compared. Raises `StoreUnavailable` as `of` does.
        """
        if mail is None and message_id is not None:
            mail = self._id_of(message_id, Trust.PROVIDER)
        if mail is None and relay_id is not None:
            mail = await self._outbox.taken_as(relay_id)
        return None if mail is None else await self._settled(await self._find(mail))

    async def _settled(self, ours: Ours | None) -> Ours | None:
        """The same, once its worker has written down that it is sent: a relay can be quicker with its report than that."""
        # Leased also is what waits for its second attempt in a worker's hands, so this ends by a bound and
        # not by a state.
        for _ in range(SETTLING_LOOKS):
            if ours is None or ours.mail.state is not MailState.LEASED:
                return ours
            await asyncio.sleep(SETTLING_SECONDS)
            ours = await self._find(ours.id)
        raise StoreUnavailable("the mail that came back is not settled yet", retry_after=60)

    async def _find(self, mail: str) -> Ours | None:
        """The mail of this id; None also for a notification that owes none."""
        told = await self._outbox.find(mail)
        if told is None or told.mail is None:
            return None
        return Ours(told, told.mail, await self._outbox.subject(mail))

    def _by_path(self, report: Report) -> list[str]:
        """What nobody but us can have written.

        Usually it is one: the address that the message came to, or the one that the report quotes.
        """
        if self._path is None:
            return []
        return [mail for path in report.paths if (mail := self._path.obligation(path)) is not None]

    async def _by_ids(self, report: Report, trust: Trust) -> AsyncIterator[str]:
        """What counts if the report names the recipient as well, the surest first. A generator: of the
        relay's ids, each costs a question, which is not asked once one before it was found.
        """
        if trust is Trust.PROVIDER:
            for mark in report.marks[:CLUES]:
                yield mark
        for message_id in report.message_ids[:CLUES]:
            if (mail := self._id_of(message_id, trust)) is not None:
                yield mail
        for relay_id in report.relay_ids[:CLUES]:
            if trust is Trust.PROVIDER or is_unguessable(relay_id):
                mail = await self._outbox.taken_as(relay_id)
                if mail is not None:
                    yield mail

    def _id_of(self, message_id: str, trust: Trust) -> str | None:
        """The mail that this Message-ID is of; None for one that is not ours, or that anybody might have worked out.

        `<0190f2ab-…@shop.example>` has the obligation's id before the @. Of a campaign that id is made of the
        address (`uuid5`), so it is no proof, and only a provider is believed in it.
        """
        local, _, domain = message_id.strip("<> ").rpartition("@")
        if domain.lower() not in self._domains:
            return None
        return local.lower() if trust is Trust.PROVIDER or _is_random(local) else None


def _names(report: Report, ours: Ours) -> bool:
    """Whether the report is about the recipient of the mail; one of a complaint is mostly blackened."""
    named = forms_of([*report.about, *(each for outcome in report.outcomes for each in outcome.recipients)])
    if report.kind is ReportKind.COMPLAINT and not named:
        return True
    return bool({*ours.forms} & {*named})


def _is_random(text: str) -> bool:
    """Whether it is an id that we make at random: a UUID of version 7, in the one form in which we write it."""
    try:
        found = uuid.UUID(text)
    except ValueError:
        return False
    return str(found) == text.lower() and found.version == _RANDOM_VERSION
