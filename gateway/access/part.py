"""Who may call, as a part: the keys of user tokens, fetched where they are published, and the services' own.

Sites and sessions ask `verifier` and `services`, and know nothing of keys.
"""

import aiohttp

from auth.keys import Keys
from auth.published import JWKS_BYTES_MAX, KeySet
from auth.services import Services
from auth.tokens import Verifier
from gateway.access.settings import KeySettings
from gateway.ground.clock import system_clock
from gateway.ground.fetching import up_to
from gateway.ground.parts import Part

JWKS_SECONDS = 5
"""How long the issuer may take; a connect waits for it."""


class Access(Part):
    """Has the `verifier` of user tokens, and the `services` that may call. Raises `KeyConfigurationError`.

    One for a node. Published keys are fetched when first needed, and kept; while the issuer is away, those
    that are known go on to hold.
    """

    def __init__(self, settings: KeySettings) -> None:
        self._http: aiohttp.ClientSession | None = None
        """There from the start to the stop; None where nothing was started."""
        url = settings.jwt_jwks_url
        self._keys = Keys.of(
            secrets=settings.jwt_secrets,
            public_key=settings.jwt_public_key,
            published=None if url is None else KeySet(url, self._fetch),
        )
        self.verifier = Verifier(
            self._keys,
            audience=settings.jwt_audience,
            issuer=settings.jwt_issuer,
            leeway_seconds=settings.jwt_leeway_seconds,
            clock=system_clock,
        )
        self.services = Services(settings.api_keys, self.verifier)

    def start(self) -> None:
        """Have what keys are fetched with."""
        self._http = aiohttp.ClientSession()

    async def stop(self) -> None:
        """End a fetch that is under way, then close the connections."""
        await self._keys.close()
        if self._http is not None:
            await self._http.close()

    async def _fetch(self, url: str) -> bytes:
        """The published keys as text, one byte more than may be at most, so that too much is seen. Raises
        `aiohttp.ClientError` and `TimeoutError`.
        """
        assert self._http is not None
        async with self._http.get(
            url, timeout=aiohttp.ClientTimeout(JWKS_SECONDS), allow_redirects=False, raise_for_status=True
        ) as answer:
            return await up_to(answer.content, JWKS_BYTES_MAX)
