"""MongoDB by TLS, with a certificate that an authority of one's own has signed."""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from storage.connect import connect
from storage.errors import StoreUnavailable
from tests.contract.store_cases import fill, sequences
from tests.support.authority import Authority
from tests.support.proxy import Proxy


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.make(tmp_path / "authority")


@pytest.fixture
async def tls(mongo_url: str, authority: Authority) -> AsyncIterator[str]:
    """The URL of a MongoDB that is reached by TLS: the certificate is real, and ends in a proxy before it."""
    parts = urlsplit(mongo_url)
    proxy = Proxy(parts.port, tls=authority.server)
    await proxy.listen()
    # Directly: the replica set would name its members' own addresses, which are beside the proxy.
    yield f"mongodb://127.0.0.1:{proxy.port}{parts.path}?directConnection=true&tls=true&serverSelectionTimeoutMS=2000"
    await proxy.refuse()


async def test_a_mongodb_whose_certificate_can_be_verified_is_a_store(tls: str, authority: Authority):
    store = connect(f"{tls}&tlsCAFile={authority.cafile}")
    await store.open()

    await fill(store, "a", 2)

    assert await sequences(store, "a") == [1, 2]
    await store.close()


async def test_a_mongodb_whose_certificate_nobody_vouches_for_is_not_spoken_to(tls: str):
    store = connect(tls)

    with pytest.raises(StoreUnavailable):
        await store.open()
    await store.close()
