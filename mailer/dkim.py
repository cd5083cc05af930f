"""Signatures of a mail by its domain (DKIM, RFC 6376; Ed25519 by RFC 8463), over the bytes that are sent.

Header and body are canonicalised `relaxed`, the whole body is signed (no `l=`), and the signature bears no time: the same mail
is the same bytes at every attempt.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence

from mailer.errors import MailConfigurationError
from mailer.signing_keys import SigningKey, base64_of

SIGNED = (
    "From", "Reply-To", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type",
    "Content-Transfer-Encoding", "List-Id", "List-Unsubscribe", "List-Unsubscribe-Post", "Feedback-ID",
)  # fmt: skip
"""The fields that are signed where a mail has them. A provider heeds one-click only where DKIM covers it (RFC 8058)."""
OVERSIGNED = frozenset({"From", "To", "Subject", "Date", "Reply-To"})
"""Signed once more than they are there: whoever adds a second one breaks the signature."""
MAY_BE_UNSIGNED = ("Message-ID", "Date")
"""What some relays write anew, which would break a signature over it."""
_LINE = 72
_BLANKS = re.compile(rb"[ \t]+")
_FOLD = re.compile(rb"\r\n(?=[ \t])")


class DkimSigner:
    """Signs with each of its keys; all sign the same, and none of them another's signature.

    It holds private keys, and shows none. Several keys are for rotation, or for readers that know no Ed25519 yet. Any
    thread may sign.
    """

    def __init__(self, keys: Sequence[SigningKey], *, unsigned: Sequence[str] = ()) -> None:
        """`unsigned` are fields that the relay writes anew."""
        self._keys = tuple(keys)
        self._names = tuple(name for name in SIGNED if name not in unsigned)

    def sign(self, message: bytes) -> bytes:
        """The message with its signatures in front; its lines end with CRLF.

        RSA takes about a millisecond, Ed25519 a tenth of that: for a thread.
        """
        head, _, body = message.partition(b"\r\n\r\n")
        body_hash = base64_of(hashlib.sha256(relaxed_body(body)).digest())
        names, covered = _covered(head + b"\r\n", self._names)
        signatures = (_signature(key, names, covered, body_hash) for key in self._keys)
        return b"".join(signatures) + message


def signer_for(domain: str, keys: Sequence[SigningKey], *, unsigned: Sequence[str] = ()) -> DkimSigner | None:
    """What signs mail from `domain`: all keys of it or of a domain above it (DMARC, relaxed); None without any key.

    `unsigned` are those of `MAY_BE_UNSIGNED` that it leaves out.

    Raises `MailConfigurationError` when there are keys, and all of other domains: that mail would go unsigned.
    """
    fitting = [key for key in keys if f".{domain}".endswith(f".{key.domain}")]
    if keys and not fitting:
        raise MailConfigurationError(f"no key of BELLHOP_DKIM_DOMAIN signs mail from {domain}")
    return DkimSigner(fitting, unsigned=unsigned) if fitting else None


def relaxed_header(field_: bytes) -> bytes:
    """A field without its last line end, in the form that is signed (RFC 6376, section 3.4.2).

    The name in lower case, runs of blanks as one, none at the ends nor around the colon, and no folds.
    """
    name, _, value = field_.partition(b":")
    value = _BLANKS.sub(b" ", _FOLD.sub(b"", value)).strip(b" \r\n")
    return name.rstrip(b" \t").lower() + b":" + value


def relaxed_body(body: bytes) -> bytes:
    """The body in the form that is signed (RFC 6376, section 3.4.4).

    Runs of blanks as one, none at the ends of lines, no empty lines at the end. An empty body is no bytes.
    """
    lines = [_BLANKS.sub(b" ", line).rstrip(b" ") for line in body.split(b"\r\n")]
    while lines and not lines[-1]:
        lines.pop()
    return b"".join(line + b"\r\n" for line in lines)


def _covered(head: bytes, signed: Sequence[str]) -> tuple[list[str], bytes]:
    """The names that `h=` lists, and the fields that they mean, as they are signed."""
    there: dict[bytes, list[bytes]] = {}
    for each in re.split(rb"\r\n(?![ \t])", head):
        there.setdefault(each.partition(b":")[0].strip().lower(), []).append(each)
    names: list[str] = []
    fields = b""
    for name in signed:
        found = there.get(name.lower().encode(), [])
        names += [name] * (len(found) + (name in OVERSIGNED))
        # The last of several comes first (RFC 6376, section 5.4.2).
        fields += b"".join(relaxed_header(each) + b"\r\n" for each in reversed(found))
    return names, fields


def _signature(key: SigningKey, names: Sequence[str], covered: bytes, body_hash: str) -> bytes:
    """The field with one key's signature. It is signed with an empty `b=`, as section 3.7 has it."""
    tags = (
        f"v=1; a={key.algorithm}; c=relaxed/relaxed; d={key.domain}; s={key.selector};",
        *_folded("h=" + ":".join(names) + ";", at=":"),
        f"bh={body_hash};",
        "b=",
    )
    unsigned = ("DKIM-Signature: " + "\r\n ".join(tags)).encode()
    signature = base64_of(key.sign(covered + relaxed_header(unsigned)))
    return unsigned + "\r\n ".join(_folded(signature)).encode() + b"\r\n"


def _folded(text: str, *, at: str = "") -> Iterator[str]:
    """The text in lines, each of which ends with `at` if that is given."""
    while len(text) > _LINE:
        end = text.rindex(at, 0, _LINE) + 1 if at else _LINE
        yield text[:end]
        text = text[end:]
    yield text
