"""What is asked and answered of mail that comes back, as values."""

from dataclasses import dataclass
from enum import StrEnum

from mailer import reports
from mailer.reports import Action, Kind, Outcome, Report


class Fate(StrEnum):
    """What came of a report."""

    BOUNCED = "bounced"
    DELIVERED = "delivered"
    COMPLAINED = "complained"
    NOTED = "noted"  # of a mail of ours, and nothing that changes it: it is late, or this was known
    IGNORED = "ignored"  # a machine's answer
    UNATTRIBUTED = "unattributed"  # of no mail of ours, or of a kind that no rule reads


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """A report, dealt with."""

    fate: Fate
    mail: str | None = None
    suppressed: bool = False
    """Whether its address stands in the suppression list for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StraysRequest:
    before: str | None = None
    limit: int = 50


class Event(StrEnum):
    """What a provider tells of a mail."""

    BOUNCED = "bounced"
    DELIVERED = "delivered"
    COMPLAINED = "complained"


@dataclass(frozen=True, slots=True, kw_only=True)
class HearsayRequest:
    """What a service says of a mail, by its id, its Message-ID, or the relay's id of it."""

    event: Event
    mail: str | None = None
    message_id: str | None = None
    relay_id: str | None = None
    status: str = ""
    diagnostic: str = ""

    def report(self) -> Report:
        """The same as a report would say it."""
        if self.event is Event.COMPLAINED:
            return Report(kind=Kind.COMPLAINT, feedback="abuse")
        action = Action.FAILED if self.event is Event.BOUNCED else Action.DELIVERED
        said = reports.without_addresses(self.diagnostic)
        outcome = Outcome(action=action, status=self.status, diagnostic=said, recipients=())
        return Report(kind=Kind.DELIVERY, outcomes=(outcome,))
