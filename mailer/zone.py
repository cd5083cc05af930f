"""What the DNS has to say for mail to arrive: the records that these settings want. Pure."""

import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mailer.signing_keys import SigningKey

STRING_CHARACTERS = 255
"""Of one string of a TXT record; a record has several."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """How mail leaves, as far as the DNS is concerned."""

    senders: tuple[str, ...]
    """The domains of `From`."""
    relays: tuple[str, ...]
    """The mail servers that mail is handed to."""
    keys: tuple[SigningKey, ...] = ()
    bounce_domain: str | None = None
    bounce_host: str | None = None
    """The host that takes what comes back."""

    @property
    def envelopes(self) -> tuple[str, ...]:
        """The domains that SPF is asked about: those of the envelope's sender."""
        return self.senders if self.bounce_domain is None else (self.bounce_domain,)


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsRecord:
    """A record to set, with the reason for it in words."""

    name: str
    type: str
    value: str
    why: str

    def line(self) -> str:
        """As a zone file has it."""
        value = quoted(self.value) if self.type == "TXT" else self.value
        return f"{self.name}. 3600 IN {self.type} {value}"


def wanted(sending: Sending) -> Iterator[DnsRecord]:
    """The records to set, with the reason for each.

    In the order in which an operator sets them. What is there already nobody looks for here.
    """
    for domain in sending.envelopes:
        named = " ".join(map(_mechanism, sending.relays))
        yield DnsRecord(
            name=domain, type="TXT", value=" ".join(filter(None, ("v=spf1", named, "~all"))),
            why="SPF: who may send for it. A provider says what to write instead of a:, mostly an include:",
        )  # fmt: skip
    for key in sending.keys:
        yield DnsRecord(
            name=key_name(key),
            type="TXT",
            value=key_record(key),
            why=f"DKIM: the public half of your {key.algorithm} key",
        )
    for domain in sending.senders:
        yield DnsRecord(
            name=f"_dmarc.{domain}", type="TXT", value=f"v=DMARC1; p=none; rua=mailto:postmaster@{domain}",
            why="DMARC: what to do with mail that is neither. Begin with none, read the reports, then quarantine",
        )  # fmt: skip
    if sending.bounce_domain is not None:
        host = sending.bounce_host or f"mx.{sending.bounce_domain}"
        yield DnsRecord(
            name=sending.bounce_domain, type="MX", value=f"10 {host}.", why="where mail comes back to"
        )


def literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that a host is given by; None for a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _mechanism(relay: str) -> str:
    address = literal(relay)
    return f"a:{relay}" if address is None else f"ip{address.version}:{address}"


def key_name(key: SigningKey) -> str:
    """Where the DNS has the public half (RFC 6376, section 3.6.2.1)."""
    return f"{key.selector}._domainkey.{key.domain}"


def key_record(key: SigningKey) -> str:
    """What stands there."""
    kind = "rsa" if key.algorithm == "rsa-sha256" else "ed25519"
    return f"v=DKIM1; k={kind}; p={key.public()}"


def quoted(text: str) -> str:
    """The strings of a TXT record."""
    pieces = [text[at : at + STRING_CHARACTERS] for at in range(0, len(text), STRING_CHARACTERS)]
    return " ".join(f'"{piece}"' for piece in pieces)


def tags(text: str) -> dict[str, str]:
    """The tags of a record such as `v=DKIM1; p=…` (RFC 6376, section 3.2), by name; the first of each counts."""
    found: dict[str, str] = {}
    for part in text.split(";"):
        name, separator, value = part.partition("=")
        if separator:
            found.setdefault(name.strip().lower(), value.strip())
    return found


def is_within(domain: str, other: str) -> bool:
    """Whether one is the other, or above it: so far apart may two be and still be aligned, for DMARC as it mostly is."""
    return f".{domain}".endswith(f".{other}") or f".{other}".endswith(f".{domain}")


def parents(domain: str) -> Sequence[str]:
    """The domain and those above it, down to two labels."""
    labels = domain.split(".")
    return [".".join(labels[at:]) for at in range(max(1, len(labels) - 1))]
