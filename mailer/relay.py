"""Where mail is handed over: an SMTP relay, as a URL names it."""

import ssl
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from mailer.address import ascii_domain
from mailer.errors import MailConfigurationError

SMTP_FORMS = (
    "smtp://user:password@host:587?starttls=required|optional|never&cafile=path",
    "smtps://user:password@host:465?cafile=path",
)
STEP_SECONDS = 300.0
"""For the greeting and each command (RFC 5321, section 4.5.3.2)."""
HANDOVER_SHARE = 2
"""The answer to the final dot may take ten minutes where another takes five: who leaves earlier sends a mail twice."""


class StartTLS(StrEnum):
    REQUIRED = "required"  # no mail leaves unencrypted
    OPTIONAL = "optional"  # used where offered; whoever sits in between can take the offer away
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """Where mail is handed over, and how.

    It is made once, from the settings; its context has loaded the certificates.
    """

    host: str
    port: int
    tls: bool
    """TLS from the first byte (`smtps`)."""
    starttls: StartTLS
    username: str | None
    password: str = field(repr=False)
    context: ssl.SSLContext = field(repr=False)
    step_seconds: float
    """How long it may take to answer."""
    helo: str | None
    """What we call ourselves; None for the name of this host."""

    @classmethod
    def from_url(cls, url: str, *, step_seconds: float = STEP_SECONDS, helo: str | None = None) -> "Relay":
        """Raises `MailConfigurationError`; its text never holds the user's name or the password.

        Ports are 465 with TLS from the first byte, else 587. STARTTLS is required unless the URL says otherwise.
        """
        parts = urlsplit(url)
        tls = parts.scheme == "smtps"
        options = _options_of(parts, {"cafile"} if tls else {"cafile", "starttls"})
        try:
            starttls = StartTLS(options.get("starttls", StartTLS.REQUIRED))
        except ValueError:
            raise MailConfigurationError("starttls has an unknown value", allowed=SMTP_FORMS) from None
        host, port = _endpoint_of(parts)
        return cls(
            host=host,
            port=port or (465 if tls else 587),
            tls=tls,
            starttls=StartTLS.NEVER if tls else starttls,
            username=None if parts.username is None else unquote(parts.username),
            password=unquote(parts.password or ""),
            context=_context(options.get("cafile")),
            step_seconds=step_seconds,
            helo=helo,
        )

    @property
    def handover_seconds(self) -> float:
        """How long it may take to answer the final dot."""
        return HANDOVER_SHARE * self.step_seconds


def _options_of(parts: SplitResult, known: set[str]) -> dict[str, str]:
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if parts.path not in ("", "/") or parts.fragment or not options.keys() <= known:
        raise MailConfigurationError("the mail URL has a part that is not known", allowed=SMTP_FORMS)
    return options


def _endpoint_of(parts: SplitResult) -> tuple[str, int | None]:
    try:
        host, port = parts.hostname or "", parts.port
        host = host if host.isascii() else ascii_domain(host)
        host.encode("idna")  # ASCII by now: nothing is judged but the lengths of its labels
    except ValueError:
        # Not `from` the error: with an unescaped "/" or ":" in it, the "port" it quotes is the password.
        raise MailConfigurationError("the mail URL's host or port is wrong", allowed=SMTP_FORMS) from None
    if not host:
        raise MailConfigurationError("the mail URL names no host", allowed=SMTP_FORMS)
    return host, port


def _context(cafile: str | None) -> ssl.SSLContext:
    """What TLS is made with: the system's certificates, or those of the file. Raises `MailConfigurationError`."""
    if cafile is not None and not Path(cafile).is_file():
        raise MailConfigurationError(f"the cafile {cafile} is not there")
    try:
        return ssl.create_default_context(cafile=cafile)
    except OSError as error:
        raise MailConfigurationError(f"the cafile {cafile} holds no certificate that can be read") from error
