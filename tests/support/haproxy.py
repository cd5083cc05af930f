"""A real HAProxy before a server on loopback, as most are set up: `mode http` and `option forwardfor`."""

import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.servers import Server, ServerMissing, free_port

CONFIGURATION = """
global
    maxconn 1000
defaults
    mode http
    option forwardfor
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    timeout tunnel 60s
frontend shop
    bind 127.0.0.1:{port}
    default_backend gateway
backend gateway
    server one 127.0.0.1:{target}
"""


def haproxy_program() -> str:
    # Debian puts it where only root's path leads.
    found = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise ServerMissing("no haproxy here: install it (on Debian and Ubuntu: apt install haproxy)")
    return found


@contextmanager
def haproxy(target: int) -> Iterator[Server]:
    port = free_port()
    folder = Path(tempfile.mkdtemp(prefix="bellhop-haproxy-"))
    configuration = folder / "haproxy.cfg"
    configuration.write_text(CONFIGURATION.format(port=port, target=target))

    def is_ready() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    server = Server(
        [haproxy_program(), "-db", "-f", str(configuration)],
        ready=is_ready,
        url=f"http://127.0.0.1:{port}",
        folder=folder,
    )
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)
