"""A PostgreSQL of the tests' own: Debian's programs, with their own data folder and port, ended by its process id.

It forgets what it has when the machine stops, and asks nobody for a password. As root it goes about as Debian's user `postgres`: a
PostgreSQL refuses to be root.
"""

import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.support.servers import Server, ServerMissing, free_port, listening

USER = "bellhop"
QUICK = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "autovacuum": "off",
    "shared_buffers": "16MB",
}
_DEBIAN = Path("/usr/lib/postgresql")


def _program(name: str) -> str:
    newest = sorted(_DEBIAN.glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    found = newest[-1] if newest else shutil.which(name)
    if found is None:
        raise ServerMissing(f"no {name} here: it is of Debian's package postgresql")
    return str(found)


@contextmanager
def postgres() -> Iterator[Server]:
    """One that listens on loopback; its URL names the superuser and no database."""
    initdb, program, port = _program("initdb"), _program("postgres"), free_port()
    with tempfile.TemporaryDirectory(prefix="bellhop-postgres-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        other = []
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
            # It becomes the program: the process id is that of the server.
            other = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        made = subprocess.run(
            [*other, initdb, "--no-sync", "--auth=trust", f"--username={USER}", "--encoding=UTF8", "--locale=C",
             "--pgdata", f"{folder}/data"],
            check=False, capture_output=True, text=True, cwd=folder,
        )  # fmt: skip
        if made.returncode:
            raise RuntimeError(f"initdb: {made.stderr[-2000:]}")
        settings = QUICK | {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "port": str(port)}
        options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        server = Server(
            [*other, program, "-D", f"{folder}/data", *options],
            ready=lambda: listening(port)() and _answers(port),
            url=f"postgresql://{USER}@127.0.0.1:{port}",
            folder=folder,
        )
        server.start()
        try:
            yield server
        finally:
            server.stop()


def _answers(port: int) -> bool:
    try:
        with psycopg.connect(host="127.0.0.1", port=port, user=USER, dbname="postgres", connect_timeout=5):
            return True
    except psycopg.OperationalError:
        # It is starting up.
        return False


@contextmanager
def database(server: Server) -> Iterator[str]:
    """The URL of an empty database of this server."""
    name = f"bellhop_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(f"{server.url}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        yield f"{server.url}/{name}"
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
