"""A replica set of several members of MongoDB, on loopback."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.servers import START_SECONDS, Server, free_port, listening, mongod_command


@dataclass(frozen=True, slots=True)
class Members:
    """A replica set of three, of which clients read two."""

    primary: Server
    secondary: Server
    all: Sequence[Server]
    url: str
    """Without a database; it names the set."""


@contextmanager
def replica_set(*, elects: bool = False) -> Iterator[Members]:
    """Three members, ready for majority writes: the third, which nobody reads, makes these possible without the secondary.

    With `elects` any of the three takes over from a primary that is gone, and the URL names all; without, none does.
    """
    from pymongo import MongoClient

    ports = [free_port() for _ in range(3)]
    with ExitStack() as started:
        servers = [started.enter_context(_member(port)) for port in ports]
        members = [
            {
                "_id": number,
                "host": f"127.0.0.1:{port}",
                "priority": int(elects or not number),
                "hidden": number == 2 and not elects,
            }
            for number, port in enumerate(ports)
        ]
        # Without chaining: the third must not read from the secondary, which the tests hold.
        hurry = {"heartbeatIntervalMillis": 100, "electionTimeoutMillis": 2000, "chainingAllowed": False}
        with MongoClient(f"mongodb://127.0.0.1:{ports[0]}/?directConnection=true") as client:
            client.admin.command("replSetInitiate", {"_id": "rs0", "members": members, "settings": hurry})
        named = ports if elects else ports[:1]
        url = f"mongodb://{','.join(f'127.0.0.1:{port}' for port in named)}/?replicaSet=rs0"
        with MongoClient(url, w=3, serverSelectionTimeoutMS=START_SECONDS * 1000) as client:
            # All have come so far.
            client.get_database("began").began.insert_one({})
        yield Members(servers[0], servers[1], servers, url)


@contextmanager
def _member(port: int) -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="bellhop-mongod-") as name:
        folder = Path(name)
        (folder / "data").mkdir()
        server = Server(
            mongod_command(port, folder),
            ready=listening(port),
            url=f"mongodb://127.0.0.1:{port}",
            folder=folder,
        )
        server.start()
        try:
            yield server
        finally:
            # A primary that is asked to stop waits for its secondaries.
            server.kill()
