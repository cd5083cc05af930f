"""What Amazon SES tells of a mail, by a topic of SNS: notifications, or the events of a configuration set.

SES gives mail another Message-ID and says it as `messageId`, with which it had answered as it took the mail. Where it is asked to
send the head back, ours stands in that; and `source` is the envelope's sender.
"""

from collections.abc import Iterator

from mailer.reports import RECIPIENTS, DeliveryAction, RecipientOutcome, Report, ReportKind
from mailer.telling import JsonObject, Unreadable, diagnostic_in, status_in

SUPPRESSED = "5.1.1"
"""What SES says of an address that it does not try any more."""
_WITHHELD = "OnAccountSuppressionList"
_BY_SUBTYPE = {
    "NoEmail": SUPPRESSED,
    "Suppressed": SUPPRESSED,
    _WITHHELD: SUPPRESSED,
    "MailboxFull": "5.2.2",
}
_ABUSE = "abuse"
_READS = ("Bounce", "Complaint", "Delivery", "DeliveryDelay")


def read(message: str) -> Report | None:
    """What the `Message` of a notification says; None when it is nothing about what became of a mail.

    Raises `Unreadable` for what is no event of SES.

    `message` is JSON. Whether SNS has signed it is known before. Events of sending and opening say nothing of what
    became of a mail.
    """
    told = JsonObject.of(message)
    event = told.text("eventType") or told.text("notificationType")
    if not event:
        raise Unreadable("no event of SES")
    if event not in _READS:
        return None
    mail = told.part("mail")
    kind, feedback, outcomes = ReportKind.DELIVERY, "", tuple(_outcomes(event, told))
    if event == "Complaint" and not _is_withheld(told):
        # Some mailbox providers do not say what kind it is; who complains without a word complains.
        kind, feedback = (
            ReportKind.COMPLAINT,
            told.part("complaint").text("complaintFeedbackType").lower() or _ABUSE,
        )
    return Report(
        kind=kind,
        outcomes=outcomes[:RECIPIENTS],
        feedback=feedback[:40],
        paths=tuple(filter(None, (mail.text("source"),))),
        message_ids=tuple(_message_ids(mail)),
        relay_ids=tuple(filter(None, (mail.text("messageId"),))),
        about=tuple(filter(None, mail.texts("destination"))),
        happened_at=mail.time("timestamp"),
        subject=f"Amazon SES: {event}",
    )


def _outcomes(event: str, told: JsonObject) -> Iterator[RecipientOutcome]:
    if event == "Bounce":
        bounce = told.part("bounce")
        for recipient in bounce.parts("bouncedRecipients"):
            yield _bounced(bounce, recipient)
    elif event == "Complaint" and _is_withheld(told):
        for recipient in told.part("complaint").parts("complainedRecipients"):
            yield _outcome(DeliveryAction.FAILED, recipient.text("emailAddress"), said="", status=SUPPRESSED)
    elif event == "Delivery":
        delivery = told.part("delivery")
        for address in delivery.texts("recipients"):
            yield _outcome(DeliveryAction.DELIVERED, address, said=delivery.text("smtpResponse"))
    elif event == "DeliveryDelay":
        for recipient in told.part("deliveryDelay").parts("delayedRecipients"):
            yield _outcome(
                DeliveryAction.DELAYED, recipient.text("emailAddress"), said=recipient.text("diagnosticCode")
            )


def _is_withheld(told: JsonObject) -> bool:
    """Whether nobody has complained of this mail: SES did not send it, to an address that had complained of another."""
    return told.part("complaint").text("complaintSubType") == _WITHHELD


def _bounced(bounce: JsonObject, recipient: JsonObject) -> RecipientOutcome:
    """What one bounced recipient says: failed, or delayed where it is a machine's answer and no bounce."""
    said, given, action = (recipient.text(name) for name in ("diagnosticCode", "status", "action"))
    # The code that is given: SES calls a domain that takes no mail transient, and a full mailbox now and then permanent.
    status = status_in(given) or status_in(said) or _BY_SUBTYPE.get(bounce.text("bounceSubType"), "")
    if not status and not action and bounce.text("bounceType") != "Permanent":
        # Without a report of delivery it is a machine's answer, such as that somebody is away.
        return _outcome(DeliveryAction.DELAYED, recipient.text("emailAddress"), said=said)
    failed = action.lower() in ("", "failed")
    return _outcome(
        DeliveryAction.FAILED if failed else DeliveryAction.DELAYED,
        recipient.text("emailAddress"),
        said=said,
        status=status,
    )


def _outcome(action: DeliveryAction, address: str, *, said: str, status: str = "") -> RecipientOutcome:
    recipients = (address,) if address else ()
    return RecipientOutcome(
        action=action, status=status, diagnostic=diagnostic_in(said), recipients=recipients
    )


def _message_ids(mail: JsonObject) -> Iterator[str]:
    for field in mail.parts("headers"):
        if field.text("name").lower() == "message-id":
            yield field.text("value").strip("<> ")
