"""Where Redis is, as a URL says it, and how to get there: TCP, TLS, a Unix socket, or by asking Sentinels.

`redis://`, `rediss://` and `unix://` as redis-py reads them (their options included, `?ssl_ca_certs=…`), and
`redis+sentinel://[user:password@]host:26379,host2:26379/service/db` (`rediss+sentinel://` for TLS to the Redis itself,
`?sentinel_username=…&sentinel_password=…` for Sentinels that ask, `&sentinel_ssl=true` for those that speak TLS, with the
`ssl_…` options of the Redis or their own `sentinel_ssl_…`). The service and the database may stand in either order.

It is parsed once, at the start, and asked again at each connection: where the primary is may have changed.
"""

import asyncio
import ssl
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from redis.asyncio.connection import AbstractConnection, Connection, SSLConnection, parse_url
from redis.exceptions import RedisError

from gateway.cluster.redis.resp import Reply, ServerError, Wire, pack
from gateway.cluster.redis.trouble import words

SENTINEL_PORT = 26379
"""Where a Sentinel listens that names no port."""
_SENTINELS = "sentinel_"
"""What options of a URL begin with that are for the Sentinels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisAddress:
    """A Redis to connect to. Its `repr` holds no password.

    Frozen and without a connection: it may be shared. Whoever opens it owns the wire.
    """

    options: dict[str, Any] = field(repr=False)
    """What redis-py's connections take: host, port or path, user, password, db, TLS."""
    connection_class: type[AbstractConnection]
    """redis-py's, which says whether TLS is spoken; none is ever opened."""
    sentinels: tuple[tuple[str, int], ...] = ()
    """Host and port of each; empty where the URL names the Redis itself."""
    service: str | None = None
    """What the Sentinels call the primary; None without Sentinels."""
    sentinel_options: dict[str, Any] = field(default_factory=dict, repr=False)
    """As `options`, for connections to the Sentinels."""
    sentinel_class: type[AbstractConnection] = Connection

    @classmethod
    def parse(cls, url: str) -> "RedisAddress":
        """Raises ValueError for what is no URL of a Redis; the message never holds the password.

        Options are tried out, not only read: a wrong one should fail at the start and not at the first
        outage.
        """
        scheme = url.partition("://")[0].lower()
        if scheme in ("redis+sentinel", "rediss+sentinel"):
            return cls._parse_sentinel(url)
        path = urlsplit(url).path.strip("/")
        if scheme in ("redis", "rediss") and path and not path.isdecimal():
            # redis-py would take database 0 for it.
            raise ValueError("a URL of Redis names its database by a number")
        options: dict[str, Any] = dict(parse_url(url))
        connection_class = options.pop("connection_class", Connection)
        _check(connection_class, options)
        return cls(options=options, connection_class=connection_class)

    @classmethod
    def _parse_sentinel(cls, url: str) -> "RedisAddress":
        """The address behind Sentinels. Raises `ValueError`."""
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
        query = parse_qsl(parts.query, keep_blank_values=True)
        theirs = [
            (name.removeprefix(_SENTINELS), value) for name, value in query if name.startswith(_SENTINELS)
        ]
        by_tls = dict(theirs).get("ssl", "false").lower() in ("true", "1", "yes", "on")
        # What the options mean is redis-py's to read, of the Redis as of the Sentinels.
        behind = cls.parse(
            f"{plain}://{credentials + '@' if credentials else ''}host/{database}?"
            + urlencode([(name, value) for name, value in query if not name.startswith(_SENTINELS)])
        )
        before = cls.parse(
            f"{'rediss' if by_tls else 'redis'}://host?"
            + urlencode([(name, value) for name, value in theirs if name != "ssl"])
        )
        shared = {name: value for name, value in behind.options.items() if by_tls and name.startswith("ssl_")}
        return cls(
            options={name: value for name, value in behind.options.items() if name != "host"},
            connection_class=behind.connection_class,
            sentinels=tuple(sentinels),
            service=service,
            sentinel_options={
                name: value for name, value in (shared | before.options).items() if name not in ("host", "db")
            },
            sentinel_class=before.connection_class,
        )

    @property
    def database(self) -> int:
        """The number of the database; channels carry it in their names, as Redis does not keep them apart."""
        return int(self.options.get("db") or 0)

    async def open(self, wire: Wire, *, timeout_seconds: float) -> None:
        """Connect `wire` and see that the server answers. Raises OSError, TimeoutError included.

        After it the server was asked something and has answered, and is no replica. On any failure the wire
        is aborted.
        """
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._connect(wire, timeout_seconds)
                await self._greet(wire)
        except BaseException:
            wire.abort()
            raise

    async def _connect(self, wire: Wire, timeout_seconds: float) -> None:
        """Make the connection, by whatever way the URL names. Raises `OSError`."""
        loop = asyncio.get_running_loop()
        if "path" in self.options:
            await loop.create_unix_connection(lambda: wire, self.options["path"])
            return
        host, port = await self._whereabouts(timeout_seconds)
        tls = self._tls()
        await loop.create_connection(lambda: wire, host, port, ssl=tls, server_hostname=host if tls else None)

    async def _whereabouts(self, timeout_seconds: float) -> tuple[str, int]:
        """Host and port of the Redis to write to; the Sentinels are asked each time."""
        if self.service is None:
            return self.options.get("host", "localhost"), int(self.options.get("port", 6379))
        # All at once, and in half of the time: one that does not answer must not keep the others from being heard.
        asked = [
            asyncio.create_task(self._ask(host, port, timeout_seconds / 2), name="sentinel")
            for host, port in self.sentinels
        ]
        try:
            return await _most_say(asked)
        finally:
            for each in asked:
                each.cancel()
            await asyncio.gather(*asked, return_exceptions=True)

    async def _ask(self, host: str, port: int, timeout_seconds: float) -> tuple[str, int]:
        """Where the primary is, as one Sentinel says."""
        sentinel = RedisAddress(
            options={**self.sentinel_options, "host": host, "port": port},
            connection_class=self.sentinel_class,
        )
        wire = Wire()
        try:
            async with asyncio.timeout(timeout_seconds):
                await sentinel.open(wire, timeout_seconds=timeout_seconds)
                wire.write(pack(b"SENTINEL", b"GET-MASTER-ADDR-BY-NAME", str(self.service).encode()))
                answer = await wire.reply()
        finally:
            wire.abort()
        match answer:
            case [bytes(name), bytes(number)] if number.isdigit():
                return name.decode(), int(number)
        raise ConnectionError("it does not know the service")

    def _tls(self) -> ssl.SSLContext | None:
        """The TLS context, or None where none is spoken."""
        if not issubclass(self.connection_class, SSLConnection):
            return None
        # redis-py knows what its own options mean; the connection itself is never opened.
        return self.connection_class(**self.options).ssl_context.get()

    async def _greet(self, wire: Wire) -> None:
        """Authenticate, choose the database, and see that a primary is there. Raises `ServerError`."""
        greetings: list[tuple[bytes, ...]] = []
        user, password = self.options.get("username"), self.options.get("password")
        if user:
            # Also without a password: Redis has users that need none.
            greetings.append((b"AUTH", user.encode(), (password or "").encode()))
        elif password:
            greetings.append((b"AUTH", password.encode()))
        if self.database:
            greetings.append((b"SELECT", b"%d" % self.database))
        # A hung server accepts connections all the same: only an answer shows that somebody is there.
        greetings += [(b"PING",), ROLE]
        # In one round trip: who is away already should be back soon.
        wire.write(b"".join(pack(*words) for words in greetings))
        for _ in greetings[:-1]:
            await wire.reply()
        try:
            role = await wire.reply()
        except ServerError:
            # This user may not ask, and a replica shows itself by what it refuses to write.
            return
        refuse_replica(role)


ROLE = (b"ROLE",)
"""The command that asks whether it is a primary."""
REPLICA = "READONLY It is a replica: what is published there does not reach the other nodes."
"""What operators are told; it begins as Redis's own refusals to write do."""


def refuse_replica(role: Reply) -> None:
    """Raises `ServerError` when `role`, the answer to ROLE, is a replica's: it takes PUBLISH, and keeps it to itself."""
    if isinstance(role, list) and role[:1] == [b"slave"]:
        raise ServerError(REPLICA)


def _check(kind: type[AbstractConnection], options: dict[str, Any]) -> None:
    """Raises ValueError for options that redis-py does not know: they would fail at every connection, or not at all."""
    try:
        kind(**options)
    except (TypeError, RedisError):
        # From None: the message may hold a value.
        raise ValueError(
            "a URL of Redis has an option that does not exist, or with a value it cannot have"
        ) from None


async def _most_say(asked: Sequence[asyncio.Task[tuple[str, int]]]) -> tuple[str, int]:
    """What most of the Sentinels say: one that was cut off from the others may still name a former primary.

    With less than half in agreement, what most of those say that answered: one Sentinel is better than none.
    Raises `ConnectionError` where none answers.
    """
    votes: Counter[tuple[str, int]] = Counter()
    trouble = ""
    for answer in asyncio.as_completed(asked):
        try:
            where = await answer
        except Exception as problem:  # noqa: BLE001 - whatever ails one, the others are heard
            trouble = words(problem)
            continue
        votes[where] += 1
        if 2 * votes[where] > len(asked):
            break
    if not votes:
        raise ConnectionError(f"no Sentinel tells where the primary is: {trouble}")
    return votes.most_common(1)[0][0]
