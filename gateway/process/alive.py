"""Whether the node on this machine lives: `python -m gateway.process.alive`, for a container's health check.

It asks `/healthz` at the internal site, by the settings that the node has too; exit code 0 if that answers. Of Bellhop it
needs no more than where that is, so that it costs little to ask every few seconds.

It does not read the settings as a node does: that would import most of it. So it knows two names and their
defaults by itself, and must be changed with `gateway.http.settings`.
"""

import http.client
import os
import socket
import sys
from pathlib import Path

from gateway.ground import places

SECONDS = 2.0
"""For all addresses together; a container's own patience is longer."""


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket.

    `http.client` has none. The host that it names in its requests is of no meaning.
    """

    def __init__(self, path: str, *, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Called by `http.client` at the first request. Raises `OSError`."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def connection(host: str, port: int, *, timeout: float) -> http.client.HTTPConnection:
    """To a site of this machine that listens there.

    Nothing is dialled before the first request. Also `gateway.process.calling` asks by it.
    """
    if places.is_unix(host):
        return UnixConnection(places.path_of(host), timeout=timeout)
    return http.client.HTTPConnection(places.near(host), port, timeout=timeout)


def main() -> int:
    """Ask each address until one answers, and answer the exit code. What was wrong goes to the standard error."""
    reasons = []
    try:
        port = int(_setting("INTERNAL_PORT", "8081"))
        hosts = [places.place(item.strip()) for item in _setting("INTERNAL_HOST", "127.0.0.1").split(",")]
    except (OSError, ValueError) as error:
        hosts, reasons = [], [str(error)]
    for host in hosts:
        try:
            asked = connection(host, port, timeout=SECONDS / len(hosts))
            asked.request("GET", "/healthz")
            status = asked.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            reasons.append(f"{host}: {error or type(error).__name__}")
            continue
        if status == http.client.OK:
            return 0
        reasons.append(f"{host}: {status}")
    sys.stderr.write(f"not alive: {'; '.join(reasons)}\n")
    return 1


def _setting(name: str, default: str) -> str:
    """A setting of the environment, or of the file that `…_FILE` names. Raises `OSError` and `ValueError` for a
    file that cannot be read.
    """
    file = os.environ.get(f"BELLHOP_{name}_FILE")
    return (
        Path(file).read_text(encoding="utf-8-sig").strip() if file else os.environ.get(f"BELLHOP_{name}")
    ) or default


if __name__ == "__main__":
    sys.exit(main())
