"""Readers of what operators say of mail, beside those of `gateway.ground.values`.

Each says in words what would do, and imports what it needs inside where that is large. Values are parsed here, so that
a wrong one ends the start and not a mail.
"""

import ipaddress
import re
from pathlib import Path
from typing import TYPE_CHECKING

from environs import ValidationError

from gateway.ground.values import items, number, split, url
from mailer.address import Mailbox, ascii_domain, parse_ours
from mailer.letterhead import parse_unsubscribe
from mailer.listen_address import ListenAddress

if TYPE_CHECKING:
    from mailer.mailbox import Account


def mailbox(text: str) -> Mailbox:
    """An address with a name. Raises `ValidationError`."""
    try:
        return parse_ours(text)
    except ValueError as error:
        raise ValidationError(f"must be an address such as Shop <shop@example.org>: {error}.") from None


def unsubscribe_urls(text: str) -> tuple[str, ...]:
    """Where readers unsubscribe. Raises `ValidationError`."""
    try:
        return parse_unsubscribe(text)
    except ValueError as error:
        raise ValidationError(
            f"must be a URL of https, of mailto, or both with a comma between: {error}."
        ) from None


def helo(text: str) -> str:
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


def folder(text: str) -> Path:
    """A folder that is there. Raises `ValidationError`."""
    if not Path(text).is_dir():
        raise ValidationError("is not a folder.")
    return Path(text)


def mails_per_second(text: str) -> float:
    """A rate; less than one mail in a thousand seconds is none. Raises `ValidationError`."""
    rate = number(text)
    if 0 < rate < 0.001:
        raise ValidationError("must be 0.001 or more, or 0.")
    return rate


def domain(text: str) -> str:
    """A domain as the DNS has it. Raises `ValidationError`."""
    try:
        domain = ascii_domain(text)
    except ValueError as error:
        raise ValidationError(f"must be a domain such as shop.example: {error}.") from None
    if "." not in domain:
        raise ValidationError("must be a domain with a dot in it, such as shop.example.")
    return domain


def domains(text: str) -> tuple[str, ...]:
    return tuple(map(domain, items(text)))


def selectors(text: str) -> tuple[str, ...]:
    """Names of keys in the DNS. Raises `ValidationError`."""
    label = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
    for item in items(text):
        if len(item) > 100 or not re.fullmatch(rf"{label}(?:\.{label})*", item):
            raise ValidationError("must be names as the DNS has them, such as bellhop1, with commas between.")
    return tuple(items(text))


def unsigned(text: str) -> tuple[str, ...]:
    """Fields that are left out of a signature, as they are spelled there. Raises `ValidationError`."""
    # Only here: what signs is nothing to a gateway that signs no mail.
    from mailer.dkim import MAY_BE_UNSIGNED

    found = {item.casefold() for item in items(text)}
    if not found <= {name.casefold() for name in MAY_BE_UNSIGNED}:
        raise ValidationError(f"must be {' or '.join(MAY_BE_UNSIGNED)}, or both with a comma between.")
    return tuple(name for name in MAY_BE_UNSIGNED if name.casefold() in found)


def private_keys(text: str) -> tuple[str, ...]:
    """The keys in PEM, each by itself. Raises `ValidationError`, which quotes none."""
    # Only here: what reads keys is nothing to a gateway that signs no mail.
    from mailer.signing_keys import blocks

    try:
        return blocks(text)
    except ValueError as error:
        raise ValidationError(f"must be private keys in PEM: {error}.") from None


def account(text: str) -> "Account":
    """A mailbox to collect from. Raises `ValidationError`, without the password."""
    # Only here: what speaks IMAP is nothing to a gateway that reads no mailbox.
    from mailer.mailbox import account_of

    try:
        return account_of(text)
    except ValueError as error:
        raise ValidationError(f"is no mailbox: {error}.") from None


def place(text: str) -> ListenAddress:
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
