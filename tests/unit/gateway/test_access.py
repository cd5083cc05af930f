"""Published keys, fetched as they come."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.asymmetric import ed25519

from auth.published import JWKS_BYTES_MAX
from gateway.access.part import Access
from gateway.access.settings import KeySettings
from tests.unit.auth.conftest import jwk_of, jwks_of

KEYS = jwks_of(jwk_of(ed25519.Ed25519PrivateKey.generate(), "one"))


@pytest.fixture
async def issuer() -> AsyncIterator[TestServer]:
    """It says its keys in two pieces, a moment apart; and more than anybody should read."""

    async def keys(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for piece in (KEYS[:20], KEYS[20:]):
            await response.write(piece)
            await asyncio.sleep(0.05)
        return response

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" " * 65_536)

    app = web.Application()
    app.add_routes([web.get("/keys", keys), web.get("/endless", endless)])
    async with TestServer(app, host="127.0.0.1") as server:
        yield server


async def _fetched(url: str) -> bytes:
    access = Access(KeySettings(jwt_jwks_url=url))
    access.start()
    try:
        return await access._fetch(url)
    finally:
        await access.stop()


async def test_keys_that_come_in_pieces_are_read_to_their_end(issuer: TestServer):
    assert await _fetched(str(issuer.make_url("/keys"))) == KEYS


async def test_of_too_much_no_more_is_read_than_shows_that_it_is(issuer: TestServer):
    assert len(await _fetched(str(issuer.make_url("/endless")))) == JWKS_BYTES_MAX + 1
