"""Why a mail does not leave.

MailError
├── DeliveryFailure             about one mail
│   ├── TemporaryFailure        not now: try again later
│   ├── UnclearRefusal          refused for good, and not said whether for the mail's sake or for ours
│   └── PermanentFailure        never: the same mail would fail the same way
│       └── RenderFailure       it cannot be made at all
├── TemplateFailure             ours: mail of this template waits until an operator has mended it
├── RelayFailure                ours: no mail is to blame, and none will leave until an operator acts
│   ├── RefusedByRelay          said of us while a recipient was named; what others are told decides
│   ├── AuthenticationFailure   the relay does not accept our credentials, or demands some
│   ├── EncryptionFailure       the relay cannot be trusted: its certificate, or no TLS where we require it
│   ├── DescriptorFailure       this process, or the machine, has no file descriptor left
│   └── SpoolFailure            the folder cannot be written
└── MailConfigurationError      a setting that cannot work; raised at start
"""

from collections.abc import Iterable


class MailError(Exception):
    """The root of what `mailer` raises. A library's own error is its cause, never the error itself."""


class DeliveryFailure(MailError):
    """One mail was not taken. The message is the reason kept with the mail; it holds no address."""

    def __init__(self, reason: str, *, code: int | None = None, recipient_status: str | None = None) -> None:
        super().__init__(reason)
        self.code = code
        """The SMTP code (RFC 5321, section 4.2), if a server gave one."""
        self.recipient_status = recipient_status
        """The enhanced code (RFC 3463), if it was the recipient that was refused, with one."""


class TemporaryFailure(DeliveryFailure):
    """The mail was not taken now, and may be later. It holds what the next attempt should heed."""

    def __init__(
        self,
        reason: str,
        *,
        code: int | None = None,
        recipient_status: str | None = None,
        retry_after: float | None = None,
        heard: bool = True,
        throttled: bool = False,
    ) -> None:
        super().__init__(reason, code=code, recipient_status=recipient_status)
        self.retry_after = retry_after
        """Seconds before which another attempt is pointless, if that is known."""
        self.heard = heard
        """Whether the relay had been told of the mail; no mail is given up on for what failed before."""
        self.throttled = throttled
        """Whether the answer says that there is too much mail at once."""


class UnclearRefusal(DeliveryFailure):
    """The relay refused for good, and its answer does not say whom it means. Several of them together do."""

    problem = "the relay refuses one mail after another"


class PermanentFailure(DeliveryFailure):
    """The same mail would be refused each time: it is buried."""


class RenderFailure(PermanentFailure):
    """The mail cannot be made: its address is none, or it is too large for its lane."""


class TemplateFailure(MailError):
    """No mail is to blame: attempts are not counted. The message names the template, and quotes nothing of a mail."""

    def __init__(self, reason: str, *, retry_after: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_after = retry_after
        """Seconds before which the template will not be run again."""


class RelayFailure(MailError):
    """No mail is to blame: attempts are not counted, and the worker pauses and says so loudly."""

    problem = "the relay does not work with us"

    def __init__(self, reason: str, *, code: int | None = None) -> None:
        super().__init__(reason)
        self.code = code


class RefusedByRelay(RelayFailure):
    """An answer to one recipient that speaks of us. What the relay says to others decides whether it is so."""


class AuthenticationFailure(RelayFailure):
    """The relay does not let us in. Nobody but an operator can mend that; one mail at a time finds out."""


class EncryptionFailure(RelayFailure):
    """No encryption that can be trusted is to be had, where it is required. Nothing was said of any mail."""


class DescriptorFailure(RelayFailure):
    """No file or connection can be opened here. It says nothing of the relay."""

    problem = "no file descriptors are left"


class SpoolFailure(RelayFailure):
    """The folder takes no files: it is full, gone, or not ours to write in."""

    problem = "the spool cannot be written"


class MailConfigurationError(MailError):
    """Says which setting cannot work and what is allowed instead; it never holds a password."""

    def __init__(self, problem: str, *, allowed: Iterable[str] = ()) -> None:
        forms = " | ".join(allowed)
        super().__init__(f"{problem}; allowed: {forms}" if forms else problem)
