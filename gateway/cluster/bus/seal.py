"""What makes a message on the bus believable: that a node of the same store has written it, for this channel.

Redis does not ask who publishes. Whoever can reach it could order users to be disconnected, or put a sequence of its own
in the place of a notification that was answered. So each message carries a keyed digest of itself and its channel, under a
secret that the nodes find in their store. It does not keep anybody from reading, nor from repeating what was said before.

The secret is made by the first node on a store and read by the others (`RedisBus.start`). A node on another
store has another one, and is not believed even on the same channel.
"""

from collections.abc import Callable
from hashlib import blake2b

SIZE = 16
"""Bytes of a seal: nobody can try 128 bits."""


def sealer(secret: bytes) -> Callable[[bytes, bytes, bytes], bytes]:
    """Makes the seal of (channel, header, body), `SIZE` bytes.

    Keying costs more than sealing, so it is done once and the state is copied.
    """
    keyed = blake2b(key=secret, digest_size=SIZE)

    def seal(channel: bytes, header: bytes, body: bytes) -> bytes:
        # No name of a channel holds the byte that a header begins with: where one ends the other begins.
        digest = keyed.copy()
        digest.update(channel + header)
        digest.update(body)
        return digest.digest()

    return seal
