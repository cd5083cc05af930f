"""All keys that tokens may be verified with, whatever they are: shared secrets, public keys, a published key set."""

from collections.abc import Sequence

from auth.errors import KeyConfigurationError
from auth.key import Key, public_keys, secret_key
from auth.published import PUBLISHED_ALGORITHMS, KeySet


class Keys:
    """All keys that a gateway trusts, of every source at once.

    Raises KeyConfigurationError when there is none at all: then nobody could ever be let in.

    Whoever makes one ends it with `close`.
    """

    def __init__(self, held: Sequence[Key] = (), *, published: KeySet | None = None) -> None:
        if not held and published is None:
            raise KeyConfigurationError("there is no key to verify tokens with")
        # A secret named twice while rotating is one key.
        self._held = tuple({(key.algorithm, _identity(key)): key for key in held}.values())
        self._published = published

    @classmethod
    def of(
        cls, *, secrets: Sequence[str] = (), public_key: str | None = None, published: KeySet | None = None
    ) -> "Keys":
        """Keys from their settings.

        Raises KeyConfigurationError for the first that cannot be a key.
        """
        held = [secret_key(secret) for secret in secrets]
        if public_key is not None:
            held.extend(public_keys(public_key))
        return cls(held, published=published)

    def held(self, algorithm: str) -> tuple[Key, ...]:
        """Our own keys for this algorithm. They have no `kid`, so every one of them may be meant."""
        return tuple(key for key in self._held if key.algorithm == algorithm)

    async def published(self, algorithm: str, kid: str | None) -> tuple[Key, ...]:
        """What the key set offers for this header, as `KeySet.candidates`; none without a key set.

        Raises KeysUnavailable as that does. An algorithm that no published key may have asks nobody.
        """
        if self._published is None or algorithm not in PUBLISHED_ALGORITHMS:
            return ()
        return await self._published.candidates(algorithm, kid)

    async def close(self) -> None:
        """End a fetch of the key set that is under way; idempotent."""
        if self._published is not None:
            await self._published.close()


def _identity(key: Key) -> object:
    return key.material if isinstance(key.material, bytes) else id(key.material)
