"""What comes back: a report is found its mail, and says what became of that and of its address.

Anybody can send a report. One counts that came back to an address which only we can have made (`mailer.envelope`), or that
sends back a mail by its Message-ID and names its recipient. All else changes nothing, and is kept for people to look at.
"""

import asyncio
import logging
import uuid
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

from gateway.ground.clock import Timekeeper
from gateway.ground.parts import Part
from gateway.notify.fates import Fate, HearsayRequest, Return, StraysRequest
from gateway.notify.suppressions import SuppressionList, forms_of
from mailer import reports
from mailer.bounces import Bounce, severity
from mailer.envelope import ReturnPath
from mailer.reports import Action, Kind, Outcome, Report
from storage.errors import StoreUnavailable
from storage.ids import uuid7
from storage.mail import AFTER_SENT, LaneName, Mail, MailState
from storage.outbox import Outbox
from storage.strays import RAW_BYTES, Stray, StrayPage, Strays
from storage.streams import Notification
from storage.suppressions import Evidence, Reason, Suppression, category_scope, lane_scope

SOURCE = "report"
STRAYS = 1000
"""That are kept."""
STRAY_AGE = timedelta(days=30)
SETTLING_SECONDS = 0.2
SETTLING_LOOKS = 50
COMPLAINTS = frozenset({"abuse", "fraud", "opt-out", "opt-out-list"})
"""The types of feedback that a reader gives; `auth-failure` and `virus` are machines', and `not-spam` is praise."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Clue:
    """Which mail a report may be about."""

    mail: str
    certain: bool
    """Whether nobody but us, and who got the mail, could know it."""


@dataclass(frozen=True, slots=True)
class _Ours:
    """A mail of ours that something is said of."""

    told: Notification
    mail: Mail

    @property
    def id(self) -> str:
        return self.told.id

    @property
    def forms(self) -> tuple[str, ...]:
        """Its address, in the form that addresses are compared by; none for one that was forgotten."""
        return forms_of([self.mail.order.to])

    def has_been(self, state: MailState) -> bool:
        """Whether as much is known of it, or more."""
        return self.mail.state in AFTER_SENT[AFTER_SENT.index(state) :]


class Returns(Part):
    """The use cases of what comes back. They raise `StorageError` when the store is away: the report is to be sent again."""

    def __init__(
        self,
        *,
        outbox: Outbox,
        strays: Strays,
        suppressions: SuppressionList,
        path: ReturnPath | None,
        domains: Collection[str],
        clock: Timekeeper,
        count: Callable[[Mail | None, Fate], None],
    ) -> None:
        """`domains` are those that our Message-IDs end with; `count` is told of each report's mail, if known, and fate."""
        self._outbox = outbox
        self._strays = strays
        self._suppressions = suppressions
        self._path = path
        self._domains = frozenset(domains)
        self._clock = clock
        self._count = count

    async def take(self, raw: bytes, *, came_to: Sequence[str] = ()) -> Return:
        """Deal with a message that came back, to the envelope's recipients `came_to` if they are known."""
        # Beside the loop: who sends it says what it costs, within bounds.
        report = await asyncio.to_thread(reports.read, raw, came_to=came_to)
        return await self._deal_with(report, await self._mail_of(report), raw)

    async def hear(self, asked: HearsayRequest) -> Return:
        """Deal with what a service says of a mail, as a provider has told it: who may ask is believed."""
        mail = asked.mail or self._id_of(asked.message_id or "")
        ours = None if mail is None else await self._settled(await self._find(mail))
        return await self._deal_with(asked.report(), ours, None)

    async def _deal_with(self, report: Report, ours: _Ours | None, raw: bytes | None) -> Return:
        mail = None if ours is None else ours.mail
        dealt = await self._dealt(report, ours, raw)
        self._count(mail, dealt.fate)
        extra = {"kind": report.kind.value, "fate": dealt.fate.value, "mail": dealt.mail}
        # A complaint about mail that somebody waits for says that something is wrong with it.
        is_waited_for = mail is not None and mail.order.lane is LaneName.TRANSACTIONAL
        loud = dealt.fate is Fate.COMPLAINED and is_waited_for
        logger.log(logging.WARNING if loud else logging.INFO, "mail came back", extra=extra)
        return dealt

    async def page(self, asked: StraysRequest) -> StrayPage:
        """What changed nothing, newest first. Raises `InvalidCursor`."""
        return await self._strays.page(before=asked.before, limit=asked.limit)

    async def keep_house(self) -> None:
        if self._clock.may_delete:
            await self._strays.prune(before=self._clock() - STRAY_AGE)

    def takes(self, address: str) -> bool:
        """Whether a report that came to this address is of a mail of ours."""
        return self._path is not None and self._path.obligation(address) is not None

    # Whose it is

    async def _mail_of(self, report: Report) -> _Ours | None:
        """The mail that the report is about; None when it cannot be known."""
        for clue in self._clues(report):
            ours = await self._find(clue.mail)
            if ours is not None and (clue.certain or _names(report, ours)):
                return await self._settled(ours)
        return None

    async def _find(self, mail: str) -> _Ours | None:
        told = await self._outbox.find(mail)
        return None if told is None or told.mail is None else _Ours(told, told.mail)

    async def _settled(self, ours: _Ours | None) -> _Ours | None:
        """The same, once its worker has written down that it is sent: a relay can be quicker with its report than that."""
        for _ in range(SETTLING_LOOKS):
            if ours is None or ours.mail.state is not MailState.LEASED:
                return ours
            await asyncio.sleep(SETTLING_SECONDS)
            ours = await self._find(ours.id)
        raise StoreUnavailable("the mail that came back is not settled yet", retry_after=60)

    def _clues(self, report: Report) -> list[_Clue]:
        found = []
        if self._path is not None:
            by_path = (self._path.obligation(path) for path in report.paths)
            found += [_Clue(mail, certain=True) for mail in by_path if mail is not None]
        by_id = map(self._id_of, report.message_ids)
        return found + [_Clue(mail, certain=False) for mail in by_id if mail is not None]

    def _id_of(self, message_id: str) -> str | None:
        """The mail that this Message-ID is of; None for one that is not ours."""
        local, _, domain = message_id.strip("<> ").rpartition("@")
        return local.lower() if domain.lower() in self._domains and _is_id(local) else None

    # What comes of it

    async def _dealt(self, report: Report, ours: _Ours | None, raw: bytes | None) -> Return:
        if report.kind is Kind.REPLY:
            return Return(fate=Fate.IGNORED)
        if ours is None or report.kind is Kind.OTHER:
            mail = None if ours is None else ours.id
            if raw is not None:
                await self._keep(report, raw, mail)
            return Return(fate=Fate.UNATTRIBUTED, mail=mail)
        if report.kind is Kind.COMPLAINT:
            return await self._complained(report, ours)
        return await self._delivered_or_not(report, ours)

    async def _delivered_or_not(self, report: Report, ours: _Ours) -> Return:
        outcome = _decisive(report, ours)
        noted = Return(fate=Fate.NOTED, mail=ours.id)
        if outcome is None:
            return noted
        if outcome.action is Action.DELIVERED:
            changed = await self._came_back(ours, MailState.DELIVERED, None)
            return Return(fate=Fate.DELIVERED, mail=ours.id) if changed else noted
        if ours.has_been(MailState.BOUNCED):
            # The same report again, or an old one: the address may have been lifted since.
            return noted
        found = severity(outcome.status)
        bounce = Bounce(severity=found, status=outcome.status, diagnostic=outcome.diagnostic)
        # Before the mail's state, by which a repetition is known: a crash in between repeats both.
        suppressed = await self._suppressions.refused(
            ours.mail.order.to, bounce, mail=ours.id, room=ours.told.room, source=SOURCE
        )
        reason = " ".join(filter(None, ("came back:", outcome.status, outcome.diagnostic)))
        await self._came_back(ours, MailState.BOUNCED, reason)
        return Return(fate=Fate.BOUNCED, mail=ours.id, suppressed=suppressed)

    async def _complained(self, report: Report, ours: _Ours) -> Return:
        if report.feedback not in COMPLAINTS or ours.has_been(MailState.COMPLAINED):
            return Return(fate=Fate.NOTED, mail=ours.id)
        scope = _scope_of_complaint(ours)
        added = [
            Suppression(
                id=uuid7(), address=form, scope=scope, reason=Reason.COMPLAINT, source=SOURCE,
                evidence=Evidence(mail=ours.id, code=report.feedback), created_at=self._clock(),
            )
            for form in ours.forms
            if scope is not None
        ]  # fmt: skip
        if added:
            await self._suppressions.add(added)
        await self._came_back(ours, MailState.COMPLAINED, f"its reader complained: {report.feedback}")
        return Return(fate=Fate.COMPLAINED, mail=ours.id, suppressed=bool(added))

    async def _came_back(self, ours: _Ours, state: MailState, reason: str | None) -> bool:
        return await self._outbox.came_back(ours.id, state, reason=reason, now=self._clock())

    async def _keep(self, report: Report, raw: bytes, mail: str | None) -> None:
        stray = Stray(
            id=uuid7(),
            received_at=self._clock(),
            kind=report.kind.value,
            subject=report.subject,
            mail=mail,
            raw=raw[:RAW_BYTES],
        )
        await self._strays.keep(stray, most=STRAYS)


def _names(report: Report, ours: _Ours) -> bool:
    """Whether the report is about the recipient of the mail; one of a complaint is mostly blackened."""
    return report.kind is Kind.COMPLAINT or any(_is_of(outcome, ours) for outcome in report.outcomes)


def _is_of(outcome: Outcome, ours: _Ours) -> bool:
    return bool({*ours.forms} & {*forms_of(outcome.recipients)})


def _decisive(report: Report, ours: _Ours) -> Outcome | None:
    """What the report says in the end; None for what only tells that it goes on.

    Beyond a forwarding address there may be several recipients: one that has got it is enough.
    """
    mine = [outcome for outcome in report.outcomes if _is_of(outcome, ours)] or report.outcomes
    for action in (Action.DELIVERED, Action.FAILED):
        for outcome in mine:
            if outcome.action is action:
                return outcome
    return None


def _scope_of_complaint(ours: _Ours) -> str | None:
    """Bulk mail ends; of other mail only its kind does, and never what somebody needs."""
    lane, entry = ours.mail.order.lane, ours.told.entry
    if lane is LaneName.BULK:
        return lane_scope(lane)
    category = None if entry is None else entry.category
    return None if category is None else category_scope(category)


def _is_id(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False
