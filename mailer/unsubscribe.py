"""Links by which the reader of a mail says no to more of it, without a login (RFC 8058).

A link names its user by a key that only the store can resolve, and what it is about by a hash; a MAC shows that it is ours. It
holds no address, never expires, and is good under every secret that is still heeded.

For mail programs that can only write (RFC 2369), the same token is an address: `u-<token>@<bounce domain>`, in base32, since local
parts are lower-cased on their way. A letter to it says no more and no less than a click.
"""

import base64
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from mailer.tokens import bytes_of, characters_of, text_of

VERSION: Final = b"\x01"
SCOPE_BYTES: Final = 4
KEY_BYTES: Final = 8
MAC_BYTES: Final = 10
_BYTES: Final = len(VERSION) + SCOPE_BYTES + KEY_BYTES + MAC_BYTES
CHARACTERS: Final = characters_of(_BYTES)
"""Of a token."""
_OF_USER: Final = b"bellhop unsubscribe user\0"
_OF_LINK: Final = b"bellhop unsubscribe link\0"
_URL: Final = re.compile(rf"https?://[^?#]+/u/([A-Za-z0-9_-]{{{CHARACTERS}}})(?:\?[^#]*)?")
_LOCAL: Final = re.compile(rf"u-([a-z2-7]{{{-(-_BYTES * 8 // 5)}}})")


@dataclass(frozen=True, slots=True)
class UnsubscribeTicket:
    """What a token says: whose it is, and what it is about."""

    key: bytes
    """Of the user, as `UnsubscribeLinks.key` made it."""
    scope: bytes
    """Of a category, as `scope` makes it."""


def scope(category: str) -> bytes:
    """What a link is about: mail of this category."""
    return sha256(category.encode()).digest()[:SCOPE_BYTES]


def written(url: str, domain: str) -> str | None:
    """The address in this domain that says what the link says; None for a URL that is no link of ours."""
    found = _URL.fullmatch(url)
    whole = None if found is None else bytes_of(found[1], _BYTES)
    return None if whole is None else f"u-{base64.b32encode(whole).decode().rstrip('=').lower()}@{domain}"


def token_in(address: str, domain: str) -> str | None:
    """The token of the link that an address in this domain stands for; None for any other address.

    Whether it is one of ours is not looked at: `UnsubscribeLinks.read` does.
    """
    local, _, of = address.strip().lower().rpartition("@")
    found = _LOCAL.fullmatch(local)
    if found is None or of != domain:
        return None
    return text_of(base64.b32decode(found[1].upper() + "=" * (-len(found[1]) % 8)))


class UnsubscribeLinks:
    """Makes links by the first secret, and reads those of all."""

    def __init__(self, secrets: Sequence[str], *, base_url: str) -> None:
        self._secrets = [secret.encode() for secret in secrets]
        self._base_url = base_url

    def key(self, user: str) -> bytes:
        """What the user is called in links from now on."""
        return hmac.digest(self._secrets[0], _OF_USER + user.encode(), "sha256")[:KEY_BYTES]

    def token(self, user: str, category: str) -> str:
        """What stands in the link: 31 characters."""
        said = VERSION + scope(category) + self.key(user)
        return text_of(said + _mac(self._secrets[0], said))

    def url(self, user: str, category: str) -> str:
        """Where one click says no to mail of the category."""
        return self.url_of(self.token(user, category))

    def url_of(self, token: str) -> str:
        return f"{self._base_url}/u/{token}"

    def read(self, token: str) -> UnsubscribeTicket | None:
        """What the token says; None for one that is not ours.

        Whatever it is given, it answers. Whose the key is, and what the scope means, is the store's and the catalog's
        to say.
        """
        whole = bytes_of(token, _BYTES)
        if whole is None or whole[:1] != VERSION:
            return None
        said, mac = whole[:-MAC_BYTES], whole[-MAC_BYTES:]
        if not any(hmac.compare_digest(_mac(secret, said), mac) for secret in self._secrets):
            return None
        return UnsubscribeTicket(key=said[1 + SCOPE_BYTES :], scope=said[1 : 1 + SCOPE_BYTES])


def _mac(secret: bytes, said: bytes) -> bytes:
    return hmac.digest(secret, _OF_LINK + said, "sha256")[:MAC_BYTES]
