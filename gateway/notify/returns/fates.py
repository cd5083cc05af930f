"""What is asked and answered of mail that comes back, as values.

`reports` deals with it; the doors (LMTP, a mailbox, webhooks, the HTTP API) and the metrics use these words.
"""

from dataclasses import dataclass
from enum import StrEnum

from mailer import reports
from mailer.reports import DeliveryAction, RecipientOutcome, Report, ReportKind


class Fate(StrEnum):
    """What came of a report.

    Each report has one, and is counted by it.
    """

    BOUNCED = "bounced"
    DELIVERED = "delivered"
    COMPLAINED = "complained"
    UNSUBSCRIBED = "unsubscribed"  # its reader has written to where the mail's link leads
    NOTED = "noted"  # of a mail of ours, and nothing that changes it: it is late, or this was known
    IGNORED = "ignored"  # a machine's answer
    UNATTRIBUTED = "unattributed"  # of no mail of ours, or of a kind that no rule reads


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """A report, dealt with."""

    fate: Fate
    mail: str | None = None
    """The obligation that it is about; None where that is not known."""
    suppressed: bool = False
    """Whether its address stands in the suppression list for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StraysRequest:
    """A page of what changed nothing, newest first."""

    before: str | None = None
    """The cursor of the page before."""
    limit: int = 50


class ProviderEvent(StrEnum):
    """What a provider tells of a mail.

    Only these: what else providers tell, such as that a mail was opened, is none of ours.
    """

    BOUNCED = "bounced"
    DELIVERED = "delivered"
    COMPLAINED = "complained"
    UNSUBSCRIBED = "unsubscribed"


@dataclass(frozen=True, slots=True, kw_only=True)
class HearsayRequest:
    """What a service says of a mail, by its id, its Message-ID, or the relay's id of it.

    One of the three names is enough. It is believed, since only who may ask comes so far.
    """

    event: ProviderEvent
    mail: str | None = None
    message_id: str | None = None
    relay_id: str | None = None
    status: str = ""
    """An enhanced status code, `5.1.1`; empty where none was told. By it a bounce is for good, for a while, or neither."""
    diagnostic: str = ""
    """What the server said; addresses in it are taken out before it is kept."""

    def report(self) -> Report:
        """The same as a report would say it. It names no recipient: the mail is known already."""
        if self.event is ProviderEvent.COMPLAINED:
            return Report(kind=ReportKind.COMPLAINT, feedback="abuse")
        if self.event is ProviderEvent.UNSUBSCRIBED:
            return Report(kind=ReportKind.UNSUBSCRIBE)
        action = DeliveryAction.FAILED if self.event is ProviderEvent.BOUNCED else DeliveryAction.DELIVERED
        said = reports.without_addresses(self.diagnostic)
        outcome = RecipientOutcome(action=action, status=self.status, diagnostic=said, recipients=())
        return Report(kind=ReportKind.DELIVERY, outcomes=(outcome,))
