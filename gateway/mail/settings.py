"""What operators say of how mail leaves.

Each reader says in words what would do, and imports what it needs inside where that is large. Values are
parsed here, so that a wrong one ends the start and not a mail.
"""

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from environs import ValidationError

from gateway.ground.settings import Group, setting
from gateway.ground.values import (
    MASK,
    boolean,
    items,
    masked_url,
    number,
    positive_duration,
    split,
    url,
    whole,
)
from mailer.address import Mailbox, ascii_domain, parse_ours
from mailer.letterhead import parse_unsubscribe
from mailer.listen_address import ListenAddress

if TYPE_CHECKING:
    from mailer.mailbox import Account


def _mailbox(text: str) -> Mailbox:
    """An address with a name. Raises `ValidationError`."""
    try:
        return parse_ours(text)
    except ValueError as error:
        raise ValidationError(f"must be an address such as Shop <shop@example.org>: {error}.") from None


def _unsubscribe_urls(text: str) -> tuple[str, ...]:
    """Where readers unsubscribe. Raises `ValidationError`."""
    try:
        return parse_unsubscribe(text)
    except ValueError as error:
        raise ValidationError(
            f"must be a URL of https, of mailto, or both with a comma between: {error}."
        ) from None


def _helo(text: str) -> str:
    """A name as RFC 5321 (section 4.1.3) wants it, or an address in brackets. Raises `ValidationError`."""
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
    """A folder that is there. Raises `ValidationError`."""
    if not Path(text).is_dir():
        raise ValidationError("is not a folder.")
    return Path(text)


def _mails_per_second(text: str) -> float:
    """A rate; less than one mail in a thousand seconds is none. Raises `ValidationError`."""
    rate = number(text)
    if 0 < rate < 0.001:
        raise ValidationError("must be 0.001 or more, or 0.")
    return rate


def _domain(text: str) -> str:
    """A domain as the DNS has it. Raises `ValidationError`."""
    try:
        domain = ascii_domain(text)
    except ValueError as error:
        raise ValidationError(f"must be a domain such as shop.example: {error}.") from None
    if "." not in domain:
        raise ValidationError("must be a domain with a dot in it, such as shop.example.")
    return domain


def _domains(text: str) -> tuple[str, ...]:
    return tuple(map(_domain, items(text)))


def _selectors(text: str) -> tuple[str, ...]:
    """Names of keys in the DNS. Raises `ValidationError`."""
    label = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
    for item in items(text):
        if len(item) > 100 or not re.fullmatch(rf"{label}(?:\.{label})*", item):
            raise ValidationError("must be names as the DNS has them, such as bellhop1, with commas between.")
    return tuple(items(text))


def _unsigned(text: str) -> tuple[str, ...]:
    """Fields that are left out of a signature, as they are spelled there. Raises `ValidationError`."""
    # Only here: what signs is nothing to a gateway that signs no mail.
    from mailer.dkim import MAY_BE_UNSIGNED

    found = {item.casefold() for item in items(text)}
    if not found <= {name.casefold() for name in MAY_BE_UNSIGNED}:
        raise ValidationError(f"must be {' or '.join(MAY_BE_UNSIGNED)}, or both with a comma between.")
    return tuple(name for name in MAY_BE_UNSIGNED if name.casefold() in found)


def _private_keys(text: str) -> tuple[str, ...]:
    """The keys in PEM, each by itself. Raises `ValidationError`, which quotes none."""
    # Only here: what reads keys is nothing to a gateway that signs no mail.
    from mailer.signing_keys import blocks

    try:
        return blocks(text)
    except ValueError as error:
        raise ValidationError(f"must be private keys in PEM: {error}.") from None


def _account(text: str) -> "Account":
    """A mailbox to collect from. Raises `ValidationError`, without the password."""
    # Only here: what speaks IMAP is nothing to a gateway that reads no mailbox.
    from mailer.mailbox import account_of

    try:
        return account_of(text)
    except ValueError as error:
        raise ValidationError(f"is no mailbox: {error}.") from None


def _place(text: str) -> ListenAddress:
    """Where to listen. Raises `ValidationError`."""
    parts = split(url("lmtp", "smtp", needs_host=("lmtp", "smtp"))(text))
    if (
        parts.port is None
        or parts.hostname is None
        or parts.path not in ("", "/")
        or parts.query
        or parts.username
    ):
        raise ValidationError("must be lmtp://host:port or smtp://host:port.")
    return ListenAddress(host=parts.hostname, port=parts.port, lmtp=parts.scheme == "lmtp")


@dataclass(frozen=True, slots=True, kw_only=True)
class MailSettings(Group):
    """How mail leaves. Of the transactional lane, and of the other where `BulkSettings` says nothing."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkSettings(Group):
    """How the mail of the lane `bulk` leaves; what is unset is as for all other mail.

    Its own way out makes it independent of other mail; without one it only waits behind.
    """

    url: str | None = setting(
        "BULK_URL", None, url("spool", "smtp", "smtps", needs_host=("smtp", "smtps")),
        "where mail of the lane `bulk` leaves by, as in `BELLHOP_MAIL_URL`; unset: the same way as all mail, and behind it",
        show=masked_url,
    )  # fmt: skip
    sender: Mailbox | None = setting(  # noqa: RUF009 - it is dataclasses.field
        "BULK_FROM", None, _mailbox, "the one address bulk mail comes from; unset: `BELLHOP_MAIL_FROM`"
    )
    reply_to: Mailbox | None = setting(  # noqa: RUF009 - it is dataclasses.field
        "BULK_REPLY_TO", None, _mailbox,
        "the one address that answers to bulk mail go to; unset: `BELLHOP_MAIL_REPLY_TO`",
    )  # fmt: skip
    rate: float = setting(
        "BULK_RATE", "0", _mails_per_second, "bulk mails per second, of all nodes together; 0: no limit"
    )
    concurrency: int | None = setting(
        "BULK_CONCURRENCY", None, whole(1, 1000),
        "bulk mails under way at once; unset: a quarter of `BELLHOP_MAIL_CONCURRENCY`",
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningSettings(Group):
    """What mail is signed with (DKIM): lists in step.

    Several keys sign the same mail: of RSA and Ed25519 a reader takes what it knows.
    """

    keys: tuple[str, ...] = setting(
        "DKIM_KEY", None, _private_keys,
        "private keys that mail is signed with, PEM, one after the other: RSA of 2048 bits or more, or Ed25519; mail is signed "
        "by each that is of its sender's domain, or of one above it; unset: mail is not signed",
        unset=(), show=lambda _: MASK, secret=True, lines=True,
    )  # fmt: skip
    selectors: tuple[str, ...] = setting(
        "DKIM_SELECTOR", None, _selectors,
        "of each key its name in the DNS: `bellhop1` for `bellhop1._domainkey.shop.example`", unset=(),
    )  # fmt: skip
    domains: tuple[str, ...] = setting(
        "DKIM_DOMAIN",
        None,
        _domains,
        "of each key its domain; one that is given alone is that of all keys",
        unset=(),
    )

    unsigned: tuple[str, ...] = setting(
        "DKIM_UNSIGNED", None, _unsigned,
        "`Message-ID`, `Date`, or both with a comma between: what the mail server writes anew, and so must not be signed",
        unset=(),
    )  # fmt: skip

    def contradictions(self) -> list[str]:
        """Lists that are not in step: no key may be without a name or a domain."""
        count = len(self.keys)
        if len(self.selectors) == count and len(self.domains) in ({count, 1} if count else {0}):
            return []
        given = f"{count} keys, BELLHOP_DKIM_SELECTOR {len(self.selectors)} names and BELLHOP_DKIM_DOMAIN {len(self.domains)} domains"
        return [f"BELLHOP_DKIM_KEY has {given}: there must be as many of each, or one domain."]


@dataclass(frozen=True, slots=True, kw_only=True)
class BounceSettings(Group):
    """Where mail comes back to that is not taken.

    For nodes, which put the addresses on mail, and for the taker of returns, which listens or collects.
    """

    domain: str | None = setting(
        "BOUNCE_DOMAIN", None, _domain,
        "mail comes back to an address of its own in this domain, whose MX leads to Bellhop; needs `BELLHOP_LINK_SECRET`; "
        "unset: it comes back to the sender",
    )  # fmt: skip
    listen: ListenAddress | None = setting(  # noqa: RUF009 - it is dataclasses.field
        "BOUNCE_LISTEN", None, _place,
        "where `bellhop bounces` takes what comes back: by LMTP from a mail server of yours, or with `smtp` for `lmtp` from anybody; "
        "needs `BELLHOP_BOUNCE_DOMAIN`; unset: `lmtp://127.0.0.1:2424`, or nowhere when `BELLHOP_BOUNCE_IMAP_URL` is set",
    )  # fmt: skip
    mailbox: "Account | None" = setting(  # noqa: RUF009 - it is dataclasses.field
        "BOUNCE_IMAP_URL", None, _account,
        "the mailbox from which `bellhop bounces` collects what comes back: `imaps://user:password@host/INBOX`, or `imap://…` (STARTTLS "
        "required unless `?starttls=never`); reports of mail of ours are moved to its folder `Bellhop`, or to that of `?done=…`",
        show=masked_url, secret=True,
    )  # fmt: skip
    mailbox_seconds: float = setting(
        "BOUNCE_IMAP_EVERY", "60s", positive_duration, "how often it looks there"
    )

    def contradictions(self) -> list[str]:
        """Listening without a domain of its own."""
        if self.listen is None or self.domain is not None:
            return []
        return [
            "BELLHOP_BOUNCE_LISTEN needs BELLHOP_BOUNCE_DOMAIN: it takes mail to addresses there, and no other."
        ]
