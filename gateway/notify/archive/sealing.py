"""Sealing: what the archive has of a user is readable while the user's key is there, and by nobody after.

To erase a user, the store forgets the key (`erase_user`): what the archive has of the user is noise from then
on, in every copy of its files, and nobody has to find or rewrite them.
"""

import hmac
import secrets
import zlib
from base64 import b64decode, b64encode
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.notify.archive.depot import DepotDamaged
from storage.archive import ArchiveKey

NONCE_BYTES = 12
"""As GCM has it: 96 bits."""


def seal(key: ArchiveKey, about: str, content: bytes) -> str:
    """The content of the notification with this id, for the holder of the key; the same content is sealed the same.

    AES-256-GCM (NIST SP 800-38D) over what zlib makes of it. The nonce is made of the content by the key: so a file that is
    written again after a crash is the same file, and no nonce serves for two contents.

    `about` is bound to it as associated data, so a line cannot be given another id.
    """
    nonce = hmac.digest(key.secret, about.encode() + b"\0" + content, "sha256")[:NONCE_BYTES]
    # Packed first: what is encrypted does not pack. The file is packed once more, for all that is open.
    sealed = AESGCM(key.secret).encrypt(nonce, zlib.compress(content), about.encode())
    return b64encode(nonce + sealed).decode()


def unseal(key: ArchiveKey, about: str, sealed: str) -> bytes:
    """What was sealed. Raises `DepotDamaged` for what this key has not sealed, or about another notification."""
    try:
        raw = b64decode(sealed, validate=True)
        return zlib.decompress(
            AESGCM(key.secret).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], about.encode())
        )
    except (InvalidTag, ValueError, zlib.error) as error:
        raise DepotDamaged("what is sealed in it was changed") from error


def key_of(user: str, keys: Mapping[str, ArchiveKey]) -> ArchiveKey:
    """The user's; for one who was erased a moment ago one that nobody keeps.

    What is sealed by such a key is there, and can never be read: the piece stays whole without the user.
    """
    return keys.get(user) or ArchiveKey(user=user, id=secrets.token_hex(8), secret=secrets.token_bytes(32))
