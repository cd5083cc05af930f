"""Where Redis is, as a URL says it, and how to get there: TCP, TLS, a Unix socket, or by asking Sentinels.

`redis://`, `rediss://` and `unix://` as redis-py reads them (their options included, `?ssl_ca_certs=…`), and
`redis+sentinel://[user:password@]host:26379,host2:26379/service/db` (`rediss+sentinel://` for TLS to the Redis itself,
`?sentinel_username=…&sentinel_password=…` for Sentinels that ask). The service and the database may stand in either order.
"""

import asyncio
import ssl
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from redis.asyncio import Sentinel
from redis.asyncio.connection import AbstractConnection, Connection, SSLConnection, parse_url
from redis.exceptions import RedisError

from gateway.bus.wire import Wire, pack

SENTINEL_PORT = 26379


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A Redis to connect to. Its `repr` holds no password."""

    options: dict[str, Any] = field(repr=False)
    """What redis-py's connections take: host, port or path, user, password, db, TLS."""
    connection_class: type[AbstractConnection]
    sentinels: tuple[tuple[str, int], ...] = ()
    service: str | None = None
    sentinel_options: dict[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def parse(cls, url: str) -> "Address":
        """Raises ValueError for what is no URL of a Redis; the message never holds the password."""
        scheme = url.partition("://")[0].lower()
        if scheme in ("redis+sentinel", "rediss+sentinel"):
            return cls._parse_sentinel(url)
        options: dict[str, Any] = dict(parse_url(url))
        connection_class = options.pop("connection_class", Connection)
        return cls(options=options, connection_class=connection_class)

    @classmethod
    def _parse_sentinel(cls, url: str) -> "Address":
        # Several hosts, some of them in brackets, are no URL to every release of urllib: they are taken out first.
        scheme, _, rest = url.partition("://")
        authority, slash, path = rest.partition("/")
        parts = urlsplit(slash + path)
        plain = scheme.lower().removesuffix("+sentinel")
        credentials, _, hosts = authority.rpartition("@")
        sentinels = []
        for each in hosts.split(","):
            host, colon, port = each.rpartition(":")
            # A bracket at the end is an IPv6 address without a port.
            if not colon or each.endswith("]"):
                host, port = each, str(SENTINEL_PORT)
            if not host.strip("[]") or not port.isdigit():
                raise ValueError("a Sentinel URL names its Sentinels as host:port,host:port")
            sentinels.append((host.strip("[]"), int(port)))
        names = [unquote(name) for name in parts.path.split("/") if name]
        database = next((name for name in names if name.isdigit()), "0")
        service = next((name for name in names if not name.isdigit()), None)
        if service is None:
            raise ValueError("a Sentinel URL names its service: redis+sentinel://host:26379/service/db")
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        sentinel_options: dict[str, Any] = {}
        for name in ("username", "password"):
            value = query.pop(f"sentinel_{name}", None)
            if value is not None:
                sentinel_options[name] = value
        # The rest is redis-py's to read: options of the Redis behind the Sentinels.
        options: dict[str, Any] = dict(
            parse_url(f"{plain}://{credentials + '@' if credentials else ''}host/{database}?{parts.query}")
        )
        connection_class = options.pop("connection_class", Connection)
        for name in ("host", "sentinel_username", "sentinel_password"):
            options.pop(name, None)
        return cls(
            options=options,
            connection_class=connection_class,
            sentinels=tuple(sentinels),
            service=service,
            sentinel_options=sentinel_options,
        )

    @property
    def database(self) -> int:
        return int(self.options.get("db") or 0)

    async def open(self, wire: Wire, *, timeout_seconds: float) -> None:
        """Connect `wire` and see that the server answers. Raises OSError, TimeoutError included."""
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._connect(wire, timeout_seconds)
                await self._greet(wire)
        except BaseException:
            wire.abort()
            raise

    async def _connect(self, wire: Wire, timeout_seconds: float) -> None:
        loop = asyncio.get_running_loop()
        if "path" in self.options:
            await loop.create_unix_connection(lambda: wire, self.options["path"])
            return
        host, port = await self._whereabouts(timeout_seconds)
        tls = self._tls()
        await loop.create_connection(lambda: wire, host, port, ssl=tls, server_hostname=host if tls else None)

    async def _whereabouts(self, timeout_seconds: float) -> tuple[str, int]:
        if self.service is None:
            return self.options.get("host", "localhost"), int(self.options.get("port", 6379))
        sentinel = self._sentinel(timeout_seconds)
        try:
            host, port = await sentinel.discover_master(self.service)
        except RedisError as problem:
            raise ConnectionError("no Sentinel knows the master") from problem
        finally:
            await sentinel.aclose()
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            # redis-py can swallow a cancellation that comes while it waits.
            raise asyncio.CancelledError
        return str(host), int(port)

    def _sentinel(self, timeout_seconds: float) -> Sentinel:
        timeouts = {"socket_timeout": timeout_seconds, "socket_connect_timeout": timeout_seconds}
        return Sentinel(  # type: ignore[no-untyped-call] # redis-py says nothing of its types here
            list(self.sentinels), sentinel_kwargs={**self.sentinel_options, **timeouts, "protocol": 2}
        )

    def _tls(self) -> ssl.SSLContext | None:
        if not issubclass(self.connection_class, SSLConnection):
            return None
        # redis-py knows what its own options mean; the connection itself is never opened.
        return self.connection_class(**self.options).ssl_context.get()

    async def _greet(self, wire: Wire) -> None:
        password = self.options.get("password")
        if password:
            user = self.options.get("username")
            wire.write(pack(b"AUTH", *(each.encode() for each in (user, password) if each)))
            await wire.reply()
        if self.database:
            wire.write(pack(b"SELECT", b"%d" % self.database))
            await wire.reply()
        # A hung server accepts connections all the same: only an answer shows that somebody is there.
        wire.write(pack(b"PING"))
        await wire.reply()
