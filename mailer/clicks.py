"""Links in mail that lead by way of us, so that it is known whether they were followed, and a picture that tells of being fetched.

A token names the mail that holds the link and what the link leads to, by a hash: the address itself is kept in the store, so
that no link of ours leads where its sender has not said. A MAC shows that the token is ours. It follows from the mail and the
link alone: a mail that is made again is the same. It holds no address and no name. That of a picture names the mail only.
"""

import hmac
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import msgspec

from mailer.tokens import bytes_of, characters_of, text_of

VERSION: Final = b"\x01"
PICTURE: Final = b"\x02"
"""What the token of a picture begins with."""
MAIL_BYTES: Final = 16
TARGET_BYTES: Final = 10
MAC_BYTES: Final = 10
LINKS_MAX: Final = 255
"""Of one mail that are tracked; what comes behind is left as it is."""
_BYTES: Final = len(VERSION) + MAIL_BYTES + 1 + TARGET_BYTES + MAC_BYTES
CHARACTERS: Final = characters_of(_BYTES)
"""Of a token."""
_PICTURE_BYTES: Final = len(PICTURE) + MAIL_BYTES + MAC_BYTES
PICTURE_SUFFIX: Final = ".gif"
NETWORK_BYTES: Final = 8
_OF_MAIL: Final = b"bellhop click mail\0"
_OF_NETWORK: Final = b"bellhop click network\0"


_TRAPPED: Final = "bellhop:trap"
"""What the link leads to that nobody can see. No link of the web is called so."""


def target_key(url: str) -> bytes:
    """What a target is called in tokens, and in the store.

    Ten bytes of a hash: of the targets of one store two have one key as good as never, and nobody can make one for a
    key that there is.
    """
    return sha256(url.encode()).digest()[:TARGET_BYTES]


TRAP: Final = target_key(_TRAPPED)
"""By this a hit on the link is known that nobody can see."""


class Marks(msgspec.Struct, frozen=True):
    """What makes the links of one mail, and of no other: it goes to whatever process renders that.

    Whoever has it can make links of this mail. It holds no secret from which those of another would follow.
    """

    url: str
    """In front of each token."""
    mail: bytes
    key: bytes
    """To make MACs by; of this mail alone, and no secret of ours."""
    clicks: bool = True
    """Whether its links lead by way of us."""
    opens: bool = False
    """Whether it holds the picture."""

    def link(self, target: str, *, links: int) -> str:
        """The link that leads to `target`, one of so many in the mail.

        `links` is 1 to `LINKS_MAX`. The same mail and target are always the same link.
        """
        said = VERSION + self.mail + bytes([links]) + target_key(target)
        return f"{self.url}{text_of(said + _mac(self.key, said))}"

    def trap(self, *, links: int) -> str:
        """The link that nobody can see; beside so many that one can."""
        return self.link(_TRAPPED, links=links)

    def picture(self) -> str:
        """The address of the picture, the same each time it is asked for."""
        said = PICTURE + self.mail
        return f"{self.url}{text_of(said + _mac(self.key, said))}{PICTURE_SUFFIX}"


@dataclass(frozen=True, slots=True)
class ClickTicket:
    """What a token says.

    A token that was read is one that we have made, and no proof of who follows the link.
    """

    mail: str
    """The id of the obligation."""
    links: int
    """How many tracked links its mail holds."""
    target: bytes


class ClickLinks:
    """Makes links by the first secret, and reads those of all.

    `secrets` has one at least. A new one goes in front, and the old ones stay for as long as mails by them may be read.
    """

    def __init__(self, secrets: Sequence[str], *, base_url: str) -> None:
        self._secrets = [secret.encode() for secret in secrets]
        self.home = f"{base_url}/"
        """Where the site is that links lead by way of."""
        self._url = f"{base_url}/c/"

    def marks(self, mail: str, *, clicks: bool = True, opens: bool = False) -> Marks | None:
        """Of this mail; None for an id that is no UUID, as no obligation's of ours is."""
        try:
            packed = uuid.UUID(mail).bytes
        except ValueError:
            return None
        key = _key(self._secrets[0], packed)
        return Marks(url=self._url, mail=packed, key=key, clicks=clicks, opens=opens)

    def read(self, token: str) -> ClickTicket | None:
        """What the token of a link says; None for one that is not ours.

        Whatever it is given, it answers. A MAC is compared in constant time under each secret.
        """
        said = self._said(token, VERSION, _BYTES)
        if said is None:
            return None
        return ClickTicket(mail=_mail(said), links=said[1 + MAIL_BYTES], target=said[-TARGET_BYTES:])

    def pictured(self, token: str) -> str | None:
        """The mail whose picture has this token; None for one that is not ours."""
        said = self._said(token, PICTURE, _PICTURE_BYTES)
        return None if said is None else _mail(said)

    def _said(self, token: str, kind: bytes, size: int) -> bytes | None:
        """What a token of this kind says, without its MAC; None for one that is not ours."""
        whole = bytes_of(token, size)
        # Its last character may have bits to spare: another spelling is none of ours.
        if whole is None or whole[:1] != kind or text_of(whole) != token:
            return None
        said, mac = whole[:-MAC_BYTES], whole[-MAC_BYTES:]
        mail = said[1 : 1 + MAIL_BYTES]
        if not any(hmac.compare_digest(_mac(_key(secret, mail), said), mac) for secret in self._secrets):
            return None
        return said

    def network(self, mail: str, network: str) -> bytes:
        """A network as it is kept beside a click: to be told from others of the same mail, and from nothing else.

        Eight bytes under the secret of this time: with another secret, or another mail, it is another.
        """
        said = _OF_NETWORK + mail.encode() + b"\0" + network.encode()
        return hmac.digest(self._secrets[0], said, "sha256")[:NETWORK_BYTES]


def _mail(said: bytes) -> str:
    return str(uuid.UUID(bytes=said[1 : 1 + MAIL_BYTES]))


def _key(secret: bytes, mail: bytes) -> bytes:
    return hmac.digest(secret, _OF_MAIL + mail, "sha256")


def _mac(key: bytes, said: bytes) -> bytes:
    """Ten bytes of HMAC-SHA-256 over what the token says."""
    return hmac.digest(key, said, "sha256")[:MAC_BYTES]
