"""Whom a refusal is about: answers that relays really give, and what is to be made of each."""

import time

import pytest

from mailer.refusals import ANSWER_LENGTH, Blame, SmtpStep, blame, is_throttle

SENDER, RECIPIENT, CONTENT = SmtpStep
MAIL, MOMENT, US, UNSAID = Blame

ANSWERS = [
    # Postfix, which says everything at the recipient
    (US, RECIPIENT, 504, "5.5.2 <shop>: Helo command rejected: need fully-qualified hostname"),
    (US, RECIPIENT, 501, "5.5.2 <->: Helo command rejected: Invalid name"),
    (US, RECIPIENT, 450, "4.7.1 <shop.local>: Helo command rejected: Host not found"),
    (US, RECIPIENT, 504, "5.5.2 <shop>: Sender address rejected: need fully-qualified address"),
    (US, RECIPIENT, 553, "5.7.1 <a@shop.example>: Sender address rejected: not owned by user ann"),
    (US, RECIPIENT, 553, "5.7.1 <a@shop.example>: Sender address rejected: not logged in"),
    (US, RECIPIENT, 450, "4.1.8 <a@shop.example>: Sender address rejected: Domain not found"),
    (US, RECIPIENT, 550, "5.1.0 <a@shop.example>: Sender address rejected: User unknown in local recipient table"),
    (US, RECIPIENT, 550, "5.1.8 <a@shop.example>: Sender address rejected: Domain not found"),
    (US, RECIPIENT, 554, "5.7.1 <ann@example.org>: Relay access denied"),
    (US, RECIPIENT, 454, "4.7.1 <ann@example.org>: Relay access denied"),
    (US, RECIPIENT, 530, "5.7.0 Must issue a STARTTLS command first"),
    (US, RECIPIENT, 554, "5.7.1 <unknown[192.0.2.1]>: Client host rejected: Access denied"),
    (US, RECIPIENT, 450, "4.7.25 Client host rejected: cannot find your hostname, [192.0.2.1]"),
    (US, CONTENT, 554, "5.5.1 Error: no valid recipients"),
    (MAIL, RECIPIENT, 504, "5.5.2 <ann>: Recipient address rejected: need fully-qualified address"),
    (MAIL, RECIPIENT, 550, "5.1.1 <ann@example.org>: Recipient address rejected: User unknown in relay recipient table"),
    (MAIL, RECIPIENT, 550, "5.1.2 <ann@example.org>: Recipient address rejected: Domain not found"),
    (MAIL, RECIPIENT, 501, "5.1.3 Bad recipient address syntax"),
    (MAIL, SENDER, 552, "5.3.4 Message size exceeds fixed limit"),
    (MAIL, CONTENT, 552, "5.3.4 Error: message file too big"),
    (MOMENT, RECIPIENT, 450, "4.2.0 <ann@example.org>: Recipient address rejected: Greylisted"),
    (MOMENT, RECIPIENT, 450, "4.7.1 <unknown[192.0.2.1]>: Client host rejected: Greylisted, see https://grey.example"),
    (MOMENT, RECIPIENT, 451, "4.7.1 Greylisting in action, please come back later"),
    (MOMENT, RECIPIENT, 451, "4.3.0 <a@shop.example>: Temporary lookup failure"),
    (MOMENT, RECIPIENT, 421, "4.7.0 mx.example Error: too many errors"),
    (MOMENT, RECIPIENT, 450, "4.7.1 Error: too much mail from 192.0.2.1"),
    (MOMENT, CONTENT, 452, "4.3.1 Insufficient system storage"),
    # accounts: quota, identity
    (US, CONTENT, 550, "5.4.5 Daily user sending limit exceeded. See https://support.example/a/166852"),
    (US, CONTENT, 554, "5.7.0 Your message could not be sent. The limit on outgoing messages was exceeded."),
    (US, CONTENT, 554, "Message rejected: Email address is not verified. The following identities failed: a@shop.example"),
    (US, CONTENT, 554, "5.2.252 SendAsDenied; a@shop.example not allowed to send as b@shop.example"),
    (US, CONTENT, 550, "5.7.60 SMTP; Client does not have permissions to send as this sender"),
    (US, CONTENT, 554, "5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException"),
    (US, CONTENT, 550, "5.1.8 Access denied, bad outbound sender AS(42004)"),
    (US, CONTENT, 552, "sending quota exceeded"),
    (US, RECIPIENT, 550, "your account has been suspended"),
    (US, RECIPIENT, 535, "no"),
    # without an enhanced code, or with qmail's
    (US, RECIPIENT, 553, "sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)"),
    (US, RECIPIENT, 553, "sorry, that domain isn't in my list of allowed rcpthosts"),
    (US, RECIPIENT, 550, "Access denied - Invalid HELO name (See RFC2821 4.1.1.1)"),
    (US, RECIPIENT, 550, "relay not permitted"),
    (US, RECIPIENT, 550, "Relaying denied"),
    (US, RECIPIENT, 550, "5.7.1 Unable to relay"),
    (US, RECIPIENT, 550, "authentication is required"),
    (US, RECIPIENT, 503, "must have authentication (#5.5.1)"),
    (US, RECIPIENT, 503, "MAIL first"),
    (US, RECIPIENT, 550, "Sender verify failed"),
    (MAIL, RECIPIENT, 550, "No such user here"),
    (MAIL, RECIPIENT, 550, "<relay-denied@shop.example>... User unknown"),
    (MAIL, RECIPIENT, 550, "Mailbox does not exist"),
    (MAIL, RECIPIENT, 550, "Unrouteable address"),
    (MAIL, CONTENT, 552, "Message size exceeds fixed maximum message size"),
    (MAIL, CONTENT, 552, "no"),
    (MOMENT, RECIPIENT, 552, "no"),
    (MOMENT, RECIPIENT, 550, "mailbox is full"),
    # extended codes about the recipient
    *[(MAIL, RECIPIENT, 550, f"{code} no") for code in ("5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1")],
    (MOMENT, RECIPIENT, 552, "5.2.2 mailbox full"),
    # about us, and about whoever is asked to take it: what others are told decides
    (US, RECIPIENT, 550, "5.7.1 recipient takes no mail from outside"),
    (US, RECIPIENT, 550, "5.7.1 Service unavailable; blocked using zen.dnsbl.example"),
    (UNSAID, RECIPIENT, 550, "no"),
    (UNSAID, RECIPIENT, 554, "Transaction failed"),
    (UNSAID, RECIPIENT, 550, "Requested action not taken: mailbox unavailable"),
    (UNSAID, RECIPIENT, 550, "5.1.0 Address rejected"),
    (UNSAID, RECIPIENT, 550, "5.4.1 Recipient address rejected: Access denied"),
    (UNSAID, CONTENT, 554, "5.6.0 invalid message"),
    # a sender is ours, whatever is said
    (US, SENDER, 550, "no"),
    (US, SENDER, 501, "5.1.7 Bad sender address syntax"),
    (MAIL, SENDER, 552, "too big"),
    # no answer at all
    (MOMENT, RECIPIENT, 299, "what"),
    (MOMENT, RECIPIENT, -1, "what"),
]  # fmt: skip


@pytest.mark.parametrize(("about", "step", "code", "text"), ANSWERS)
def test_an_answer_says_whom_it_is_about(about: Blame, step: SmtpStep, code: int, text: str) -> None:
    assert blame(step, code, text) is about


def test_a_sender_refused_in_a_mail_beyond_ascii_may_be_refused_for_that() -> None:
    assert blame(SmtpStep.SENDER, 550, "no", utf8=True) is Blame.UNSAID
    assert blame(SmtpStep.SENDER, 553, "5.6.7 needs SMTPUTF8", utf8=True) is Blame.MAIL


@pytest.mark.parametrize("name", ["relay access denied", "sender rejected", "user unknown", "helo"])
def test_what_an_answer_quotes_says_nothing(name: str) -> None:
    """Callers choose the address, and would choose for whom a refusal is taken."""
    quoted = f"<{name}> and {name.replace(' ', '-')}@{name.replace(' ', '.')}.example: no"

    assert blame(SmtpStep.RECIPIENT, 550, quoted) is Blame.UNSAID


@pytest.mark.alone
@pytest.mark.parametrize(
    "part",
    ["a", "@", "<", " ", "sender ", "no ", "mailbox ", "to ", "user is ", "relay access is ", "a@", "authenticat", "5.7."],
)  # fmt: skip
def test_reading_an_answer_takes_time_in_proportion_to_its_length(part: str) -> None:
    """The relay is a stranger too."""

    def seconds(length: int) -> float:
        text = (part * length)[:length]
        best = float("inf")
        for _ in range(3):
            began = time.process_time()
            for _ in range(3):
                blame(SmtpStep.CONTENT, 554, text)
            best = min(best, time.process_time() - began)
        return best

    assert ANSWER_LENGTH <= 2000
    assert seconds(100 * ANSWER_LENGTH) < 10 * seconds(ANSWER_LENGTH) + 0.001


@pytest.mark.parametrize(
    ("code", "text", "throttle"),
    [
        (421, "4.7.0 mx.example Error: too many errors", True),
        (421, "try again later", True),
        (450, "4.7.1 Error: too much mail from 192.0.2.1", True),
        (451, "4.7.500 Server busy. Please try again later", True),
        (450, "4.2.1 mailbox busy", False),
        (451, "4.3.0 <a@shop.example>: Temporary lookup failure", False),
        (451, "later", False),
        (452, "4.7.1 whatever", False),
        (554, "5.7.1 no", False),
    ],
)
def test_too_much_at_once_is_told_from_other_reasons_to_wait(code: int, text: str, throttle: bool) -> None:  # noqa: FBT001 - a table
    assert is_throttle(code, text) == throttle
