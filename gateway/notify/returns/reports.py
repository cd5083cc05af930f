"""What comes back: a report is found its mail (`attribution`), and says what became of that and of its address.

What belongs to no mail changes nothing, and is kept for people to look at.

A letter to the address that a mail gives as its way out is a click on the link that it stands for, and the rest of what people
write is kept in the same way.

Three doors lead here: `take` for messages (LMTP, a mailbox), `hear` for services that say it by HTTP,
`hear_provider` for webhooks. They differ in whom they believe; what comes of it is the same. Suppressions are
written by `suppressions`, states by the outbox.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import timedelta

from gateway.ground.clock import Timekeeper
from gateway.ground.parts import CountOne, Meters, Part, unmeasured
from gateway.notify.returns.attribution import Attribution, Ours, Trust
from gateway.notify.returns.fates import Fate, HearsayRequest, Return, StraysRequest
from gateway.notify.suppressions.listing import SuppressionList
from mailer import reports
from mailer.bounces import Bounce, severity
from mailer.envelope import ReturnPath
from mailer.reports import DeliveryAction, Report, ReportKind
from mailer.unsubscribe import UnsubscribeLinks, token_in
from storage.errors import StoreUnavailable
from storage.ids import uuid7
from storage.mail import LaneName, MailState
from storage.outbox import Outbox
from storage.strays import RAW_BYTES, Stray, StrayPage, Strays
from storage.suppressions import Evidence, Reason, Suppression, category_scope, lane_scope

SOURCE = "report"
"""What stands as the source of a suppression that came of a report."""
STRAYS = 1000
"""How many strays are kept, about; the oldest go."""
STRAY_AGE = timedelta(days=30)
"""How long a stray is kept at most."""
YOUNG = timedelta(minutes=1)
"""What a provider tells of a mail that is not known is to be told again, until it is so old: the worker of
that mail may be about to write it down.
"""
COMPLAINTS = frozenset({"abuse", "fraud", "opt-out", "opt-out-list"})
"""The types of feedback that a reader gives; `auth-failure` and `virus` are machines', and `not-spam` is praise."""

Unsubscribe = Callable[[str], Awaitable[bool]]
"""Does what a link says, by its token; False where it leads to nobody. Raises `StorageError`."""

logger = logging.getLogger(__name__)


class Returns(Part):
    """The use cases of what comes back. They raise `StorageError` when the store is away: the report is to be sent again.

    Everything here may be done again: a report that comes twice is `NOTED` the second time. Raising means
    that it is to come again, and what was written until then is written again to the same effect. Any process
    that has a store may have one; several may get the same report.
    """

    def __init__(
        self,
        *,
        outbox: Outbox,
        strays: Strays,
        suppressions: SuppressionList,
        path: ReturnPath | None,
        links: UnsubscribeLinks | None = None,
        domains: Collection[str],
        clock: Timekeeper,
        count: Callable[[Ours | None, Fate], None],
    ) -> None:
        """`domains` are those that our Message-IDs end with; `count` is told of each report's mail, if known, and fate.

        With `links`, letters to their addresses are heeded, once there is somebody to `leave` by.
        """
        self._outbox = outbox
        self._attribution = Attribution(outbox, path, domains)
        self._domain = None if path is None else path.domain
        self._links = links
        self.leave: Unsubscribe | None = None
        """What does as a link says, set by the process: a node does it, others ask the public site."""
        self._strays = strays
        self._suppressions = suppressions
        self._clock = clock
        self._count = count
        self._meter: CountOne = unmeasured

    def measure(self, meters: Meters) -> None:
        self._meter = meters.counter(
            "bellhop_mail_returned",
            "Reports of mail that came back, by its lane and by what they came to",
            ("lane", "fate"),
        )

    async def take(self, raw: bytes, *, came_to: Sequence[str] = (), keep_letters: bool = True) -> Return:
        """Deal with a message that came back, to the envelope's recipients `came_to` if they are known.

        Without `keep_letters` what is no report is not kept: it stays where it was found.

        What is no report, a letter that somebody has written, is a stray. Raises `StorageError`; then whoever
        brought it has to keep it.
        """
        # Beside the loop: who sends it says what it costs, within bounds.
        report = await asyncio.to_thread(reports.read, raw, came_to=came_to)
        if report.kind is ReportKind.OTHER and await self._left(report):
            return self._told(report, None, Return(fate=Fate.UNSUBSCRIBED))
        ours = await self._attribution.of(report, Trust.ANYBODY)
        keeps = keep_letters or report.kind is not ReportKind.OTHER
        return await self._deal_with(report, ours, raw if keeps else None, source=SOURCE)

    async def hear(self, asked: HearsayRequest) -> Return:
        """Deal with what a service says of a mail, as a provider has told it: who may ask is believed.

        Nothing is kept as a stray: who asks is told by the answer that no mail was found.
        """
        ours = await self._attribution.named(
            mail=asked.mail, message_id=asked.message_id, relay_id=asked.relay_id
        )
        return await self._deal_with(asked.report(), ours, None, source=SOURCE)

    async def hear_provider(self, report: Report, *, provider: str, raw: bytes) -> Return:
        """Deal with what a provider tells that has shown to be one; `raw` is what it said.

        Raises `StoreUnavailable` too while the mail may be about to be written down: it is to be told again.

        `provider` is the source of what is suppressed, such as `ses`. A provider that tells too early is told
        to come again in 20 seconds.
        """
        ours = await self._attribution.of(report, Trust.PROVIDER)
        if (
            ours is None
            and report.happened_at is not None
            and abs(self._clock() - report.happened_at) < YOUNG
        ):
            raise StoreUnavailable("no such mail is known yet", retry_after=20)
        # A mail that arrived and is not ours is none that anybody looks for.
        keeps = report.kind is not ReportKind.DELIVERY or any(
            each.action is DeliveryAction.FAILED for each in report.outcomes
        )
        return await self._deal_with(report, ours, raw if keeps else None, source=provider)

    async def _deal_with(
        self, report: Report, ours: Ours | None, raw: bytes | None, *, source: str
    ) -> Return:
        """Do what comes of a report; `raw` is what is kept if it is a stray, None for nothing."""
        return self._told(report, ours, await self._dealt(report, ours, raw, source))

    def _told(self, report: Report, ours: Ours | None, dealt: Return) -> Return:
        """The same, counted and logged."""
        mail = None if ours is None else ours.mail
        self._meter("unknown" if mail is None else mail.order.lane, dealt.fate)
        self._count(ours, dealt.fate)
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
        """Forget strays that are too old; not while the clock is in doubt."""
        if self._clock.may_delete:
            await self._strays.prune(before=self._clock() - STRAY_AGE)

    def takes(self, address: str) -> bool:
        """Whether what came to this address is a report of a mail of ours, or a letter that takes a way out."""
        return self._attribution.takes(address) or self._token(address) is not None

    async def _left(self, report: Report) -> bool:
        """Whether it is a letter by which a reader says no to more of a mail's kind; then that is done."""
        for address in report.paths:
            if (token := self._token(address)) is not None:
                return self.leave is not None and await self.leave(token)
        return False

    def _token(self, address: str) -> str | None:
        """The token of the link of ours that the address stands for; None for any other address."""
        if self._links is None or self._domain is None:
            return None
        token = token_in(address, self._domain)
        return token if token is not None and self._links.read(token) is not None else None

    # What comes of it

    async def _dealt(self, report: Report, ours: Ours | None, raw: bytes | None, source: str) -> Return:
        """What comes of a report by its kind. What is no mail of ours is kept to be looked at, and changes nothing."""
        # First: an answer of a holiday comes back to the return path too, and says nothing of the mail.
        if report.kind is ReportKind.REPLY:
            return Return(fate=Fate.IGNORED)
        if ours is None or report.kind is ReportKind.OTHER:
            mail = None if ours is None else ours.id
            if raw is not None:
                await self._keep(report, raw, mail)
            return Return(fate=Fate.UNATTRIBUTED, mail=mail)
        if report.kind is ReportKind.COMPLAINT:
            return await self._complained(report, ours, source)
        if report.kind is ReportKind.UNSUBSCRIBE:
            suppressed = await self._suppress(ours, Reason.UNSUBSCRIBE, None, source)
            return Return(fate=Fate.NOTED, mail=ours.id, suppressed=suppressed)
        return await self._delivered_or_not(report, ours, source)

    async def _delivered_or_not(self, report: Report, ours: Ours, source: str) -> Return:
        """A report of delivery: the mail arrived, or came back; then its address may come to stand in the list.

        Delayed, expanded or relayed is neither, and only noted.
        """
        outcome = ours.decisive(report)
        noted = Return(fate=Fate.NOTED, mail=ours.id)
        if outcome is None:
            return noted
        if outcome.action is DeliveryAction.DELIVERED:
            changed = await self._came_back(ours, MailState.DELIVERED, None)
            return Return(fate=Fate.DELIVERED, mail=ours.id) if changed else noted
        if ours.has_been(MailState.BOUNCED):
            # The same report again, or an old one: the address may have been lifted since.
            return noted
        found = severity(outcome.status)
        bounce = Bounce(severity=found, status=outcome.status, diagnostic=outcome.diagnostic)
        # Before the mail's state, by which a repetition is known: a crash in between repeats both.
        suppressed = await self._suppressions.refused(
            ours.mail.order.to, bounce, mail=ours.id, room=ours.told.room, source=source
        )
        reason = " ".join(filter(None, ("came back:", outcome.status, outcome.diagnostic)))
        fate = await self._fate(ours, MailState.BOUNCED, reason)
        return Return(fate=fate, mail=ours.id, suppressed=suppressed)

    async def _complained(self, report: Report, ours: Ours, source: str) -> Return:
        """A reader called it spam: no more of its kind goes there. A machine's feedback is only noted."""
        if report.feedback not in COMPLAINTS or ours.has_been(MailState.COMPLAINED):
            return Return(fate=Fate.NOTED, mail=ours.id)
        suppressed = await self._suppress(ours, Reason.COMPLAINT, report.feedback, source)
        fate = await self._fate(ours, MailState.COMPLAINED, f"its reader complained: {report.feedback}")
        return Return(fate=fate, mail=ours.id, suppressed=suppressed)

    async def _suppress(self, ours: Ours, reason: Reason, code: str | None, source: str) -> bool:
        """Its reader has had enough; answers whether that ends anything.

        Every form of the mail's address is written down, in the scope of `_scope_of`; one that is there and
        lasts as long stays.
        """
        scope = _scope_of(ours)
        if scope is None or not ours.forms:
            return False
        evidence = Evidence(mail=ours.id, code=code)
        await self._suppressions.add(
            [
                Suppression(
                    id=uuid7(), address=form, scope=scope, reason=reason, source=source, evidence=evidence,
                    created_at=self._clock(),
                )
                for form in ours.forms
            ]
        )  # fmt: skip
        return True

    async def _came_back(self, ours: Ours, state: MailState, reason: str | None) -> bool:
        """Note what became of the mail; False where as much or more was known, as by a report that overtook this one."""
        return await self._outbox.came_back(ours.id, state, reason=reason, now=self._clock())

    async def _fate(self, ours: Ours, state: MailState, reason: str) -> Fate:
        """Note it, and answer what it counts as: the same report may come by two ways at once, and counts once.

        A mail that is to be tried again keeps its state, and what is heard of it counts all the same.
        """
        is_news = await self._came_back(ours, state, reason) or not ours.has_been(MailState.SENT)
        return Fate(state) if is_news else Fate.NOTED

    async def _keep(self, report: Report, raw: bytes, mail: str | None) -> None:
        """Keep a stray, cut off at `RAW_BYTES`; of all, about the newest `STRAYS` are kept."""
        stray = Stray(
            id=uuid7(),
            received_at=self._clock(),
            kind=report.kind.value,
            subject=report.subject,
            mail=mail,
            raw=raw[:RAW_BYTES],
        )
        await self._strays.keep(stray, most=STRAYS)


def _scope_of(ours: Ours) -> str | None:
    """Bulk mail ends; of other mail only its kind does, and never what somebody needs.

    None for mail that is in no category: there is nothing that its reader could have had enough of.
    """
    lane, entry = ours.mail.order.lane, ours.told.entry
    if lane is LaneName.BULK:
        return lane_scope(lane)
    category = None if entry is None else entry.category
    return None if category is None else category_scope(category)
