"""From a URL to the transport it names."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from mailer.errors import MailConfigurationError
from mailer.relay import SMTP_FORMS, STEP_SECONDS
from mailer.smtp import SESSION_MAILS, SMTPTransport
from mailer.spool import SpoolTransport
from mailer.transport import Transport

SPOOL_FORMS = ("spool:///folder (relative)", "spool:////folder (absolute)")


def connect(
    url: str,
    *,
    connections: int = 8,
    session_mails: int = SESSION_MAILS,
    step_seconds: float = STEP_SECONDS,
    helo: str | None = None,
) -> Transport:
    """The transport for `url`, which keeps at most `connections` to its server. Nothing is dialled yet.

    A relay gets `session_mails` over one connection at most (0: any number), `step_seconds` for each answer, and is
    greeted as `helo`, by default with this host's own name.

    Raises `MailConfigurationError`, whose text holds nothing of a wrong URL but its scheme.
    """
    scheme = url.partition(":")[0].lower()
    match scheme:
        case "spool":
            return SpoolTransport(_folder_of(url))
        case "smtp" | "smtps":
            return SMTPTransport.from_url(
                url,
                connections=connections,
                session_mails=session_mails,
                step_seconds=step_seconds,
                helo=helo,
            )
        case _:
            # What stands before the first colon may be anything, a password too, unless it is shaped as a scheme.
            named = f"the scheme {scheme!r}" if scheme.isalpha() and "://" in url else "a text that is no URL"
            raise MailConfigurationError(f"mail cannot leave by {named}", allowed=(*SPOOL_FORMS, *SMTP_FORMS))


def _folder_of(url: str) -> Path:
    """As in SQLite's URLs: three slashes and a path are relative to the working directory, four absolute."""
    parts = urlsplit(url)
    folder = unquote(parts.path)[1:]
    if parts.netloc or parts.query or parts.fragment or not folder:
        raise MailConfigurationError("the spool URL names no folder, or more than one", allowed=SPOOL_FORMS)
    return Path(folder)
