"""What Postmark tells of a mail: Bounce, SpamComplaint, Delivery and SubscriptionChange.

Postmark gives mail another Message-ID. What it was given in a field of `X-PM-Metadata-` it gives back with each event, and takes
out of the mail: so each mail carries its id there (`MARK`).
"""

from mailer.reports import DeliveryAction, RecipientOutcome, Report, ReportKind
from mailer.telling import JsonObject, Unreadable, diagnostic_in, status_in

MARK = "X-PM-Metadata-bellhop"
"""The field of a mail that holds its id."""
_MARK = "bellhop"
_ABUSE = "abuse"
_FAILURES = {
    "HardBounce": "5.1.1",
    "BadEmailAddress": "5.1.3",
    "SoftBounce": "4.2.0",
    # About us, the mail, or what nobody has said: no address is to blame.
    "Blocked": "5.7.1",
    "DMARCPolicy": "5.7.1",
    "DnsError": "5.4.4",
    "ManuallyDeactivated": "5.7.0",
    "SMTPApiError": "5.3.0",
    "SpamNotification": "5.7.1",
    "TemplateRenderingFailed": "5.6.0",
    "Unknown": "",
    "VirusNotification": "5.7.1",
}
"""The types of a bounce that say that the mail did not arrive, and the code of one whose server gave none."""
_COMPLAINTS = frozenset({"SpamComplaint"})


def read(body: bytes) -> Report | None:
    """What a webhook says; None when it is nothing about what became of a mail. Raises `Unreadable` for what is no event.

    Whether it is Postmark's is known before. A bounce of a kind that is not known is told as a delay: it strikes nobody
    off.
    """
    told = JsonObject.of(body)
    match told.text("RecordType"):
        case "":
            raise Unreadable("no event of Postmark")
        case "Bounce" if told.text("Type") in _COMPLAINTS:
            return _report(told, kind=ReportKind.COMPLAINT, feedback=_ABUSE, at="BouncedAt")
        case "Bounce":
            return _report(told, outcome=_bounced(told), at="BouncedAt")
        case "SpamComplaint":
            return _report(told, kind=ReportKind.COMPLAINT, feedback=_ABUSE, at="BouncedAt")
        case "Delivery":
            return _report(told, outcome=_outcome(DeliveryAction.DELIVERED, told), at="DeliveredAt")
        case "SubscriptionChange":
            return _changed(told)
        case _:
            return None


def _bounced(told: JsonObject) -> RecipientOutcome:
    """What one bounce says of its address: by the code that the server gave, or else by Postmark's word for it."""
    kind, said = told.text("Type"), told.text("Details")
    if kind not in _FAILURES:
        # A machine's answer, or not yet the end.
        return _outcome(DeliveryAction.DELAYED, told)
    return _outcome(DeliveryAction.FAILED, told, status=status_in(said) or _FAILURES[kind])


def _changed(told: JsonObject) -> Report | None:
    """An address that Postmark does not write to any more. That it does again is nothing that mail says: it is lifted by hand."""
    if not told.flag("SuppressSending"):
        return None
    match told.text("SuppressionReason"):
        case "SpamComplaint":
            return _report(told, kind=ReportKind.COMPLAINT, feedback=_ABUSE, at="ChangedAt")
        case "HardBounce":
            return _report(
                told, outcome=_outcome(DeliveryAction.FAILED, told, status="5.1.1"), at="ChangedAt"
            )
        case "ManualSuppression" if told.text("Origin") == "Recipient":
            return _report(told, kind=ReportKind.UNSUBSCRIBE, at="ChangedAt")
        case _:
            return None


def _report(
    told: JsonObject,
    *,
    kind: ReportKind = ReportKind.DELIVERY,
    outcome: RecipientOutcome | None = None,
    feedback: str = "",
    at: str,
) -> Report:
    return Report(
        kind=kind,
        outcomes=() if outcome is None else (outcome,),
        feedback=feedback,
        relay_ids=tuple(filter(None, (told.text("MessageID"),))),
        marks=tuple(filter(None, (told.part("Metadata").text(_MARK),))),
        about=_address(told),
        happened_at=told.time(at),
        subject=f"Postmark: {told.text('RecordType')}"[:200],
    )


def _outcome(action: DeliveryAction, told: JsonObject, *, status: str = "") -> RecipientOutcome:
    return RecipientOutcome(
        action=action,
        status=status,
        diagnostic=diagnostic_in(told.text("Details")),
        recipients=_address(told),
    )


def _address(told: JsonObject) -> tuple[str, ...]:
    # Delivery and SubscriptionChange have another name for it.
    return tuple(filter(None, (told.text("Email") or told.text("Recipient"),)))
