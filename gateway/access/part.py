"""Who may call, as a part: the keys of user tokens, fetched where they are published, and the services' own."""

import aiohttp

from auth.keys import Keys
from auth.published import JWKS_BYTES_MAX, KeySet
from auth.services import Services
from auth.tokens import Verifier
from gateway.access.settings import KeySettings
from gateway.ground.clock import system_clock
from gateway.ground.parts import Part

JWKS_SECONDS = 5


class Access(Part):
    """Has the `verifier` of user tokens, and the `services` that may call. Raises `KeyConfigurationError`."""

    def __init__(self, settings: KeySettings) -> None:
        self._http: aiohttp.ClientSession | None = None
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
        self._http = aiohttp.ClientSession()

    async def stop(self) -> None:
        await self._keys.close()
        if self._http is not None:
            await self._http.close()

    async def _fetch(self, url: str) -> bytes:
        assert self._http is not None
        async with self._http.get(
            url, timeout=aiohttp.ClientTimeout(JWKS_SECONDS), allow_redirects=False, raise_for_status=True
        ) as answer:
            return await answer.content.read(JWKS_BYTES_MAX + 1)
