"""What operators say of how mail leaves."""

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path

from environs import ValidationError

from gateway.ground.settings import Group, setting
from gateway.ground.values import boolean, masked_url, positive_duration, url, whole
from mailer.address import Mailbox, parse_ours
from mailer.letterhead import parse_unsubscribe


def _mailbox(text: str) -> Mailbox:
    try:
        return parse_ours(text)
    except ValueError as error:
        raise ValidationError(f"must be an address such as Shop <shop@example.org>: {error}.") from None


def _unsubscribe_urls(text: str) -> tuple[str, ...]:
    try:
        return parse_unsubscribe(text)
    except ValueError as error:
        raise ValidationError(
            f"must be a URL of https, of mailto, or both with a comma between: {error}."
        ) from None


def _helo(text: str) -> str:
    if literal := re.fullmatch(r"\[(IPv6:)?([0-9A-Fa-f.:]{2,45})\]", text):
        try:
            address = ipaddress.ip_address(literal[2])
        except ValueError:
            address = None
        if address is not None and (address.version == 6) == bool(literal[1]):
            return text
    label = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
    # The last label is no number: that would be an address without its brackets.
    if len(text) > 253 or not re.fullmatch(rf"(?:{label}\.)+(?!\d+\Z){label}", text):
        raise ValidationError(
            "must be a full name such as shop.example.org, or an address such as [192.0.2.1]."
        )
    return text


def _folder(text: str) -> Path:
    if not Path(text).is_dir():
        raise ValidationError("is not a folder.")
    return Path(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class MailSettings(Group):
    """How mail leaves."""

    url: str = setting(
        "MAIL_URL", "spool:///var/mail", url("spool", "smtp", "smtps", needs_host=("smtp", "smtps")),
        "`smtp://user:pass@host:587` (STARTTLS required unless `?starttls=optional` or `never`), `smtps://…`, or "
        "`spool:///folder`, which writes one `.eml` file per mail (relative to the working directory)",
        show=masked_url,
    )  # fmt: skip
    sender: Mailbox = setting(  # noqa: RUF009 - it is dataclasses.field
        "MAIL_FROM", "Bellhop <bellhop@localhost>", _mailbox,
        "the one address mail comes from; a name with a comma or the like stands in double quotes",
    )  # fmt: skip
    reply_to: Mailbox | None = setting(  # noqa: RUF009 - it is dataclasses.field
        "MAIL_REPLY_TO", None, _mailbox, "the one address that answers go to; unset: where mail comes from"
    )
    unsubscribe: tuple[str, ...] = setting(
        "MAIL_UNSUBSCRIBE_URL", None, _unsubscribe_urls,
        "where readers unsubscribe: an `https://` URL that accepts the POST of RFC 8058, a `mailto:` URL, or both with a "
        "comma between; `{id}`, `{room}` and `{type}` of the notification are filled in",
        unset=(),
    )  # fmt: skip
    templates: Path | None = setting(  # noqa: RUF009 - it is dataclasses.field
        "MAIL_TEMPLATES", None, _folder, "a folder of templates of your own, found before the built-in ones"
    )
    worker: bool = setting("MAIL_WORKER", "true", boolean, "run the mail worker inside `bellhop serve`")
    attempts: int = setting("MAIL_ATTEMPTS", "8", whole(), "attempts before a mail is buried; 0: never")
    retry_seconds: float = setting(
        "MAIL_RETRY", "60s", positive_duration,
        "the wait after a first failed attempt; each later one is four times as long, 12 hours at most",
    )  # fmt: skip
    lease_seconds: float = setting(
        "MAIL_LEASE",
        "60s",
        positive_duration,
        "how long a mail stays with a worker that has died; one under way is held for as long as it takes",
    )
    concurrency: int = setting("MAIL_CONCURRENCY", "8", whole(1, 1000), "mails under way at once")
    session_mails: int = setting(
        "MAIL_PER_SESSION",
        "100",
        whole(),
        "mails sent over one connection to the mail server; 0: any number",
    )
    timeout_seconds: float = setting(
        "MAIL_TIMEOUT", "5m", positive_duration,
        "how long the mail server may take to answer; after the end of a mail twice as long",
    )  # fmt: skip
    helo: str | None = setting(
        "MAIL_HELO", None, _helo,
        "the name this host gives to the mail server; unset: its full name, or its address in brackets",
    )  # fmt: skip
