"""A mail address: what counts as one, and the form in which it goes over the wire.

Domains of any script are encoded by IDNA 2008 after the non-transitional mapping of UTS 46. Python's own codec is
IDNA 2003, which takes `faß.de` for `fass.de`: another domain, and another person's mailbox.
"""

import re
import unicodedata
from dataclasses import dataclass

import idna

from mailer import headers

LONGEST = 254
"""Octets of an address that fits the path of an SMTP command (RFC 5321, section 4.5.3.1.3)."""
LONGEST_LOCAL = 64
LONGEST_DOMAIN = 253
LONGEST_NAME = 100

# What RFC 5322 allows beyond this (quoted local parts, comments, domain literals) only ever comes from an attacker.
_LOCAL = re.compile(r"""[^\s()<>@,;:\\"\[\]]+""")
# The underscore is no host name's, but stands in domains that do receive mail.
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_QUOTED_NAME = re.compile(r'"(?:[^"\\]|\\.)*"')
_SPECIAL = frozenset('"<>@,;:\\[]')


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailbox:
    """One address, and the name that stands before it in a header.

    It is made by `parse` and `parse_ours` only, which hold it to RFC 5321 and to what leaves no header open.
    """

    local: str
    domain: str
    """In ASCII and lower case, whatever it was given in."""
    name: str = ""

    @property
    def address(self) -> str:
        """As commands and headers want it; only the local part may hold more than ASCII."""
        # Dots where no atom may have them: real mailboxes are called so, and only quoted they are sound (RFC 5321).
        odd = self.local.startswith(".") or self.local.endswith(".") or ".." in self.local
        return f'"{self.local}"@{self.domain}' if odd else f"{self.local}@{self.domain}"

    def field(self, header: str) -> str:
        """The header field of that name.

        The name may be of any characters: `headers` encodes it. It raises nothing for a mailbox that `parse_ours` has made.
        """
        return headers.mailbox(header, self.address, display=self.name)


def ascii_domain(domain: str) -> str:
    """The domain as the DNS has it. Raises ValueError for what IDNA 2008 does not allow, or what is no domain.

    At most 253 characters in labels of at most 63 (RFC 1035, section 2.3.4). A last label of digits alone would be an
    address of the network.
    """
    if not domain.isascii() and len(domain) <= LONGEST_DOMAIN:
        try:
            domain = idna.encode(domain, uts46=True, std3_rules=True).decode("ascii")
        except idna.IDNAError as error:
            raise ValueError("the domain is not one that IDNA 2008 allows") from error
    domain = domain.lower()
    labels = domain.split(".")
    if len(domain) > LONGEST_DOMAIN or not all(map(_LABEL.fullmatch, labels)) or labels[-1].isdigit():
        raise ValueError("what follows the @ is no domain")
    return domain


def parse(text: str) -> Mailbox:
    """The mailbox of a bare address such as `ann@example.org`. Raises ValueError, whose text holds nothing of it.

    The local part may hold letters of any script, and then needs SMTPUTF8 (RFC 6531). Whether there is such a mailbox
    nobody asks here.
    """
    local, at, domain = text.rpartition("@")
    if not at or not _LOCAL.fullmatch(local) or not local.isprintable():
        raise ValueError("this is no mail address")
    if len(local.encode()) > LONGEST_LOCAL:
        raise ValueError(f"what precedes the @ has more than {LONGEST_LOCAL} bytes")
    mailbox = Mailbox(local=local, domain=ascii_domain(domain))
    if len(mailbox.address.encode()) > LONGEST:
        raise ValueError(f"the address has more than {LONGEST} bytes")
    return mailbox


def compared(text: str) -> str:
    """The form in which addresses are compared: without case, the domain as the DNS has it. Raises ValueError as `parse`.

    Whatever else two mailboxes may share is their host's to know: `ann+news@` and `a.n.n@` are others than `ann@`.
    """
    mailbox = parse(text)
    return f"{unicodedata.normalize('NFC', mailbox.local.casefold())}@{mailbox.domain}"


def parse_ours(text: str) -> Mailbox:
    """The mailbox of an address of our own, with or without a name: `Shop <shop@example.org>`.

    Guarantees that the header it becomes reads as this one address. Raises ValueError for anything else.

    What stands in front of the brackets is the name. In quotes it may hold anything printable, and without them nothing
    that a header would read as more than a name (RFC 5322, section 3.4).
    """
    name, address = _parted(text.strip())
    bare = parse(address)
    if not bare.local.isascii():
        # Only an SMTPUTF8 relay could take it, and refusing would be every mail's end.
        raise ValueError("what precedes the @ must be ASCII")
    return Mailbox(local=bare.local, domain=bare.domain, name=" ".join(name.split()))


def _parted(text: str) -> tuple[str, str]:
    """The name and the address of `Shop <shop@example.org>`; no name for a bare address. Raises ValueError."""
    if not text.endswith(">"):
        return "", text
    name, _, address = text[:-1].rpartition("<")
    name = name.strip()
    if _QUOTED_NAME.fullmatch(name):
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    elif _SPECIAL & set(name):
        raise ValueError('a name with any of "<>@,;:\\[] in it stands in double quotes')
    if len(name) > LONGEST_NAME or not name.isprintable():
        raise ValueError(f"a name has at most {LONGEST_NAME} printable characters")
    return name, address
