"""The envelope's sender: whither a mail comes back that is not taken, with the mail's own id in it (VERP).

`b-<id>-<mac>@<bounce domain>`, in lower case, since local parts are lower-cased on their way back, and 45 octets of the 64 that a
local part may have. The mac says that we have sent that mail: whoever makes up a bounce does not have it.
"""

import base64
import hmac
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

MAC_BYTES = 10
_LOCAL = re.compile(r"b-([a-z2-7]{26})-([a-z2-7]{16})")
_PURPOSE = b"bellhop bounce 1"
"""Goes into the mac, so that no other token made with the same secret is one of these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnPath:
    """The addresses of one domain, by one or more secrets.

    A mac is ten bytes of HMAC-SHA-256. An address never ends: a bounce may come after days.
    """

    domain: str
    secrets: Sequence[str] = field(repr=False)
    """The first makes, all are heeded: what is under way while they are changed comes back too."""

    def address(self, obligation_id: str) -> str | None:
        """Whither the mail comes back; None for an id that is no UUID, as no obligation's of ours is.

        The same mail has the same address under the same secret.
        """
        try:
            packed = uuid.UUID(obligation_id).bytes
        except ValueError:
            return None
        mac = _mac(self.secrets[0], packed)
        return f"b-{_text(packed)}-{_text(mac)}@{self.domain}"

    def obligation(self, address: str) -> str | None:
        """The id of the mail that comes back to this address; None unless we have made it.

        In any case of its letters, and with blanks around it. Whatever it is given, it answers.
        """
        local, _, domain = address.strip().lower().rpartition("@")
        match = _LOCAL.fullmatch(local)
        if match is None or domain != self.domain:
            return None
        packed, mac = _bytes(match[1]), _bytes(match[2])
        # Base32 of 26 characters has two bits to spare: another spelling of an id is none of ours.
        if _text(packed) != match[1]:
            return None
        # One that nobody has guessed takes the same time as any other.
        if not any(hmac.compare_digest(mac, _mac(secret, packed)) for secret in self.secrets):
            return None
        return str(uuid.UUID(bytes=packed))


def _mac(secret: str, packed: bytes) -> bytes:
    return hmac.digest(secret.encode(), _PURPOSE + packed, "sha256")[:MAC_BYTES]


def _text(data: bytes) -> str:
    return base64.b32encode(data).decode().rstrip("=").lower()


def _bytes(text: str) -> bytes:
    return base64.b32decode(text.upper() + "=" * (-len(text) % 8))
