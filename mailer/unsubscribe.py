"""Links by which the reader of a mail says no to more of it, without a login (RFC 8058).

A link names its user by a key that only the store can resolve, and what it is about by a hash; a MAC shows that it is ours. It
holds no address, never expires, and is good under every secret that is still heeded.
"""

import hmac
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


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a token says: whose it is, and what it is about."""

    key: bytes
    """Of the user, as `UnsubscribeLinks.key` made it."""
    scope: bytes
    """Of a category, as `scope` makes it."""


def scope(category: str) -> bytes:
    """What a link is about: mail of this category."""
    return sha256(category.encode()).digest()[:SCOPE_BYTES]


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
        return f"{self._base_url}/u/{self.token(user, category)}"

    def read(self, token: str) -> Ticket | None:
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
        return Ticket(key=said[1 + SCOPE_BYTES :], scope=said[1 : 1 + SCOPE_BYTES])


def _mac(secret: bytes, said: bytes) -> bytes:
    return hmac.digest(secret, _OF_LINK + said, "sha256")[:MAC_BYTES]
