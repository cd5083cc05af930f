"""What a relay's replies mean, as errors of ours: whose fault each is, `refusals` says."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from aiosmtplib import (
    SMTPAuthenticationError,
    SMTPException,
    SMTPResponseException,
    SMTPServerDisconnected,
    SMTPTimeoutError,
)

from mailer.descriptors import ran_out
from mailer.errors import (
    AuthenticationFailure,
    DeliveryFailure,
    DescriptorFailure,
    EncryptionFailure,
    PermanentFailure,
    RefusedByRelay,
    RelayFailure,
    TemporaryFailure,
    UnclearRefusal,
)
from mailer.refusals import Blame, SmtpStep, blame, is_throttle, status

# RFC 4954, section 6, whichever command it answers.
_LOGIN_CODES = frozenset({530, 534, 535, 538})
_REASON_LENGTH = 300
CLOSING_LENGTH = 200
"""Characters that are kept of what the relay said as it took a mail."""


@contextmanager
def unwelcome(step: str) -> Iterator[None]:
    """Translate a failure before the first mail: nothing in it is any mail's fault.

    An answer of 4xx, and a connection that is lost, are put off without a count. A wrong login, and no for good, are
    ours to mend; so is TLS that cannot be trusted.
    """
    try:
        yield
    except SMTPResponseException as error:
        reason = _reason(step, error)
        if 400 <= error.code < 500:
            raise TemporaryFailure(reason, code=error.code, heard=False) from error
        if step == "STARTTLS":
            raise EncryptionFailure(reason, code=error.code) from error
        if error.code >= 500 or isinstance(error, SMTPAuthenticationError):
            raise AuthenticationFailure(reason, code=error.code) from error
        raise TemporaryFailure(reason, heard=False) from error
    except (SMTPException, OSError, ValueError) as error:
        if ran_out(error):
            raise DescriptorFailure("no connection could be opened: no file descriptor is left") from error
        fault = error if isinstance(error, ssl.SSLError) else error.__cause__
        if isinstance(fault, ssl.SSLCertVerificationError):
            detail = f"the relay's certificate is not trusted: {fault.verify_message}"
            raise EncryptionFailure(detail) from error
        if isinstance(fault, ssl.SSLError):
            raise EncryptionFailure(f"no TLS with the relay: {fault.reason or 'handshake failed'}") from error
        raise TemporaryFailure(_lost(step, error), heard=False) from error


@contextmanager
def refused(step: SmtpStep, *, utf8: bool = False) -> Iterator[None]:
    """Translate a failure of a command about one mail, which need not be that mail's: `refusals` says whose.

    What has no code may have been taken, if it was handed over.
    """
    try:
        yield
    except SMTPResponseException as error:
        raise _failure(step, error, utf8=utf8) from error
    except (SMTPServerDisconnected, SMTPTimeoutError, OSError) as error:
        raise TemporaryFailure(_lost(step, error)) from error


def _failure(step: SmtpStep, error: SMTPResponseException, *, utf8: bool) -> DeliveryFailure | RelayFailure:
    """The failure that an answer to a step is. An answer outside of 4xx and 5xx is of the moment: the two are out of step."""
    code, reason = error.code, _reason(step, error)
    if not 400 <= code < 600:
        return TemporaryFailure(reason)
    of_recipient = status(code, error.message) if step is SmtpStep.RECIPIENT else None
    match blame(step, code, error.message, utf8=utf8):
        case Blame.MAIL:
            return PermanentFailure(reason, code=code, recipient_status=of_recipient)
        case Blame.MOMENT:
            throttled = is_throttle(code, error.message)
            return TemporaryFailure(reason, code=code, recipient_status=of_recipient, throttled=throttled)
        case Blame.UNSAID:
            return UnclearRefusal(reason, code=code)
        case Blame.US if code in _LOGIN_CODES:
            return AuthenticationFailure(reason, code=code)
        case Blame.US if step is SmtpStep.SENDER:
            return RelayFailure(reason, code=code)
        case _:
            return RefusedByRelay(reason, code=code)


def closing_line(text: str) -> str:
    """What the relay said as it took a mail, as one short line: it names the mail as the relay knows it."""
    printable = "".join(
        each if each.isprintable() else " " for each in text.encode(errors="replace").decode()
    )
    return " ".join(printable.split())[:CLOSING_LENGTH]


def _reason(step: str, error: SMTPResponseException) -> str:
    """What the relay said, as one short line without addresses: it is kept, shown to admins, and may be logged."""
    words = error.message.encode(errors="replace").decode().split()
    # Word by word: the relay's text is anybody's, and a pattern for addresses would go over it again and again.
    said = " ".join("<address>" if "@" in word[1:-1] else word for word in words)
    return f"{step} refused: {error.code} {said}"[:_REASON_LENGTH]


def _lost(step: str, error: Exception) -> str:
    what = "no answer in time" if isinstance(error, TimeoutError) else "connection lost"
    return f"{step}: {what}"
