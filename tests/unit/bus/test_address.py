"""What URLs of Redis mean."""

import asyncio
import ssl
from typing import cast
from urllib.parse import urlsplit

import pytest
from redis.asyncio import Redis
from redis.asyncio.connection import Connection, SSLConnection

from gateway.cluster.bus.redis import RedisBus
from gateway.cluster.redis import backoff
from gateway.cluster.redis.address import RedisAddress
from gateway.cluster.redis.resp import ServerError, Wire, pack
from tests.support import servers


def test_the_plain_url_is_read_as_redis_py_reads_it():
    address = RedisAddress.parse("redis://ann:s%20ecret@example.org:7000/3")

    assert address.options == {
        "host": "example.org", "port": 7000, "username": "ann", "password": "s ecret", "db": 3,
    }  # fmt: skip
    assert address.database == 3
    assert "ecret" not in repr(address)


def test_tls_is_verified_unless_the_url_says_otherwise():
    strict = RedisAddress.parse("rediss://example.org")._tls()
    lax = RedisAddress.parse("rediss://example.org?ssl_cert_reqs=none")._tls()

    assert strict is not None and strict.verify_mode == ssl.CERT_REQUIRED and strict.check_hostname
    assert lax is not None and lax.verify_mode == ssl.CERT_NONE
    assert RedisAddress.parse("redis://example.org")._tls() is None


@pytest.mark.parametrize("path", ["orders/2", "2/orders"])
def test_a_sentinel_url_names_its_sentinels_service_and_database(path):
    address = RedisAddress.parse(
        f"redis+sentinel://ann:pw@one,two:26380,[::1]:5/{path}?sentinel_password=spw&socket_keepalive=true"
    )

    assert address.sentinels == (("one", 26379), ("two", 26380), ("::1", 5))
    assert address.service == "orders"
    assert address.database == 2
    assert address.sentinel_options == {"password": "spw"}
    assert address.sentinel_class is Connection
    assert address.options == {"username": "ann", "password": "pw", "db": 2, "socket_keepalive": True}


def test_a_sentinel_url_can_ask_for_tls_to_the_redis_and_to_the_sentinels():
    assert issubclass(RedisAddress.parse("rediss+sentinel://one:1/orders").connection_class, SSLConnection)
    both = RedisAddress.parse(
        "rediss+sentinel://one:1/orders?ssl_ca_certs=a.pem&sentinel_ssl=true&sentinel_username=eve"
    )
    assert both.sentinel_class is SSLConnection
    assert both.sentinel_options == {"ssl_ca_certs": "a.pem", "username": "eve"}
    theirs = RedisAddress.parse("redis+sentinel://one:1/orders?sentinel_ssl=true&sentinel_ssl_ca_certs=b.pem")
    assert theirs.connection_class is Connection
    assert (theirs.sentinel_class, theirs.sentinel_options) == (SSLConnection, {"ssl_ca_certs": "b.pem"})


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org",
        "redis+sentinel://one:1",
        "redis+sentinel://one:x/orders",
        "redis+sentinel://:1/orders",
        "redis://one?colour=blue",
        "redis://one/zero",
        "redis://one:port",
        "redis://one?socket_timeout=soon",
        "rediss://one?ssl_cert_reqs=perhaps",
        "redis+sentinel://one/orders?colour=blue",
        "redis+sentinel://one/orders?sentinel_colour=blue",
    ],
)
def test_what_is_no_address_is_refused(url):
    with pytest.raises(ValueError):
        RedisAddress.parse(url)


async def test_a_unix_socket_is_connected(tmp_path):
    with servers.redis("--unixsocket", f"{tmp_path}/redis.sock"):
        wire = Wire()
        await RedisAddress.parse(f"unix://{tmp_path}/redis.sock?db=2").open(wire, timeout_seconds=2)

        wire.write(pack(b"CLIENT", b"INFO"))
        assert b" db=2 " in cast("bytes", await wire.reply())
        wire.abort()


async def test_a_replica_is_refused_where_it_can_be_known(redis_url):
    with servers.redis("--replicaof", "127.0.0.1", str(urlsplit(redis_url).port)) as replica:
        with pytest.raises(ServerError, match="READONLY It is a replica"):
            await RedisAddress.parse(replica.url).open(Wire(), timeout_seconds=2)

        async with Redis.from_url(replica.url) as client:
            await client.execute_command("ACL", "SETUSER", "bob", "on", ">pw", "~*", "&*", "+@all", "-role")
        wire = Wire()
        await RedisAddress.parse(replica.url.replace("//", "//bob:pw@")).open(wire, timeout_seconds=2)
        wire.abort()


async def test_a_password_is_given_and_a_wrong_one_refused(redis_url):
    with pytest.raises(ServerError):
        await RedisAddress.parse(redis_url.replace("redis://", "redis://ann:wrong@")).open(
            Wire(), timeout_seconds=2
        )


async def test_the_database_is_the_urls(redis_url):
    wire = Wire()
    await RedisAddress.parse(redis_url.rpartition("/")[0] + "/5").open(wire, timeout_seconds=2)

    wire.write(pack(b"CLIENT", b"INFO"))

    assert b" db=5 " in cast("bytes", await wire.reply())
    wire.abort()


async def test_a_bus_that_is_not_started_says_so():
    bus = RedisBus("redis://localhost", node_id="a", secret=asyncio.Event().wait)

    assert bus.reasons() == ["the bus is not started"]
    await bus.stop()


def test_the_pause_before_connecting_again_doubles_to_a_bound_and_is_jittered():
    assert 0.025 <= backoff.reconnect_pause_seconds(0) <= 0.05
    assert all(1 <= backoff.reconnect_pause_seconds(failures) <= 2 for failures in (6, 10, 10_000))
    assert len({backoff.reconnect_pause_seconds(3) for _ in range(20)}) > 1
