"""Where a site listens: names and addresses with a port, and unix sockets.

Knows how they are written (`place`), how they are opened (`opened`), and how one may be called in return (`url`, `near`).
Needs nothing but the standard library: a health check begins with it every few seconds.
"""

import asyncio
import errno
import fcntl
import ipaddress
import logging
import os
import re
import socket
import stat
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

UNIX = "unix:"
UNIX_PEER = "unix"
"""Whoever comes by a unix socket: the word in `BELLHOP_TRUSTED_PROXIES`, and the address of those of whom no other is known."""
UNIX_PATH_BYTES = 107
"""What fits into a `sockaddr_un`, its end included."""
EVERY_IPV4, EVERY_IPV6 = "0.0.0.0", "::"  # noqa: S104 - to compare with
BACKLOG = 4096
SEND_BUFFER_BYTES = 65_536
"""Asked of the kernel per socket (it takes twice that); its own growth to megabytes would hide a slow client."""
UNREAD_SECONDS = 45.0
"""How long a peer may take nothing: one with a closed window would hold its connection for ever by answering probes."""
SILENCE_SECONDS = 10.0
"""How long a connection may stay without a first word."""
SAME_PORT_TRIES = 10
"""For a port that is free on every address, when any will do."""
FOLDER_TRIES, FOLDER_SECONDS = 100, 0.02

_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252})")
_ABSENT = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})

logger = logging.getLogger(__name__)

Address = tuple[socket.AddressFamily, tuple[Any, ...]]
"""A family, and an address as the kernel's calls take it."""


def place(text: str) -> str:
    """One place as it is kept: a name, an address, or `unix:/path`. Raises ValueError with what is wrong."""
    if text.startswith(UNIX):
        path = re.sub(r"^//(?=/)", "", text.removeprefix(UNIX))
        if not path.startswith("/") or path.startswith("//") or path.endswith("/") or "\0" in path:
            raise ValueError("a unix socket has a path from the root: unix:/run/bellhop.sock")
        if len(os.fsencode(path)) > UNIX_PATH_BYTES:
            raise ValueError(f"the path of a unix socket has {UNIX_PATH_BYTES} bytes at most")
        return UNIX + os.path.normpath(path)
    host = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if ":" in host:
        try:
            address, separator, zone = host.partition("%")
            return ipaddress.IPv6Address(address).compressed + separator + zone
        except ValueError:
            raise ValueError("it is no address, nor a name; the port is a setting of its own") from None
    if not _NAME.fullmatch(host):
        raise ValueError("it is no address, nor a name")
    return host


def is_unix(host: str) -> bool:
    return host.startswith(UNIX)


def path_of(host: str) -> str:
    """The path of a unix socket."""
    return host.removeprefix(UNIX)


def meet(some: Iterable[str], others: Iterable[str]) -> bool:
    """Whether two sites with the same port would want the same address. What names stand for is not looked up."""
    tcp, tcp_others = ({host for host in hosts if not is_unix(host)} for hosts in (some, others))
    every = {EVERY_IPV4, EVERY_IPV6}
    return bool(tcp & tcp_others) or bool(tcp and tcp_others and (tcp | tcp_others) & every)


def near(host: str) -> str:
    """The host by which this machine itself reaches what listens on `host`."""
    return {EVERY_IPV4: "127.0.0.1", EVERY_IPV6: "::1"}.get(host, host)


def nearest(urls: Sequence[str]) -> str:
    """Of where a site listens, what is opened on this machine, by a browser if any can."""
    tcp = [each for each in urls if not is_unix(each)]
    if not tcp:
        return urls[0]
    return tcp[0].replace(f"//{EVERY_IPV4}:", "//127.0.0.1:").replace(f"//[{EVERY_IPV6}]:", "//[::1]:")


def url(host: str, port: int) -> str:
    if is_unix(host):
        return host
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Listening:
    """A socket that listens; `close` leaves nothing behind."""

    def __init__(self, socket: socket.socket, *, file: str | None = None) -> None:
        self.socket = socket
        self._file = file
        self._made = None if file is None else _identity(file)

    @property
    def url(self) -> str:
        if self._file is not None:
            return UNIX + self._file
        host, port = self.socket.getsockname()[:2]
        return url(host, port)

    def close(self) -> None:
        self.socket.close()
        # Another process may have its own there by now.
        if self._file is not None and _identity(self._file) == self._made:
            with suppress(OSError):
                Path(self._file).unlink()
        self._file = None


async def opened(hosts: Sequence[str], port: int, *, mode: int, backlog: int = BACKLOG) -> list[Listening]:
    """Listen on all of them, or on none. `mode` is for unix sockets. Raises OSError."""
    addresses, dispensable = await _addresses([host for host in hosts if not is_unix(host)], port)
    tries = SAME_PORT_TRIES if port == 0 else 1
    while True:
        tries -= 1
        made: list[Listening] = []
        try:
            for address in addresses:
                chosen = port or (made[0].socket.getsockname()[1] if made else 0)
                try:
                    made.append(_tcp(address, chosen, addresses, backlog))
                except OSError as error:
                    if error.errno not in _ABSENT or address not in dispensable:
                        raise
                    logger.warning("an address is not to be had here", extra={"address": address[1][0]})
            if addresses and not made:
                raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
            for host in filter(is_unix, hosts):
                made += [await _unix(path_of(host), mode, backlog)]
        except OSError as error:
            for listening in made:
                listening.close()
            if error.errno != errno.EADDRINUSE or not tries or not made:
                raise
        else:
            return made


async def _addresses(hosts: Sequence[str], port: int) -> tuple[list[Address], set[Address]]:
    """What the names stand for, each once, and none that another of them includes; and which of them may be lacking.

    A machine need not have every address of a name that stands for several, nor both kinds where all of both are asked for.
    """
    loop = asyncio.get_running_loop()
    found: dict[Address, None] = {}
    dispensable: set[Address] = set()
    for host in hosts:
        infos = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        own: dict[Address, None] = dict.fromkeys(
            (socket.AddressFamily(family), tuple(address)) for family, _, _, _, address in infos
        )
        found |= own
        if len(own) > 1 or host in (EVERY_IPV4, EVERY_IPV6):
            dispensable |= own.keys()
    whole = {family for family, address in found if address[0] in (EVERY_IPV4, EVERY_IPV6)}
    kept = [
        (family, address)
        for family, address in found
        if family not in whole or address[0] in (EVERY_IPV4, EVERY_IPV6)
    ]
    return kept, dispensable


def _tcp(address: Address, port: int, all_of_them: Sequence[Address], backlog: int) -> Listening:
    family, where = address
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # `::` alone is every address of both kinds. Where IPv4 is asked for by name, it has a socket of its own.
            with_ipv4 = where[0] == EVERY_IPV6 and all(other == socket.AF_INET6 for other, _ in all_of_them)
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(not with_ipv4))
        _bound(listening)
        _of_tcp(listening)
        listening.bind((where[0], port, *where[2:]))
        listening.listen(backlog)
    except OSError:
        listening.close()
        raise
    return Listening(listening)


async def _unix(path: str, mode: int, backlog: int) -> Listening:
    """A unix socket in a file that `mode` says who may use. One that nobody listens on any more is replaced."""
    folder = os.open(Path(path).parent, os.O_RDONLY | os.O_DIRECTORY)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # Two that start at once would each find the other's not listening yet, and remove it.
        await _take(folder)
        return _in_file(listening, path, mode, backlog)
    except OSError:
        listening.close()
        raise
    finally:
        os.close(folder)


def _in_file(listening: socket.socket, path: str, mode: int, backlog: int) -> Listening:
    _clear(path)
    _bound(listening)
    listening.bind(path)
    # Before it listens: until then, nobody can connect.
    Path(path).chmod(mode)
    listening.listen(backlog)
    return Listening(listening, file=path)


async def _take(folder: int) -> None:
    """Lock a folder until it is closed, waiting a while for who has it; some file systems know no locks."""
    for _ in range(FOLDER_TRIES):
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            await asyncio.sleep(FOLDER_SECONDS)
        except OSError:
            return
        else:
            return


def _clear(path: str) -> None:
    """Remove a socket that nobody listens on. Raises OSError for whatever else is there."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(status.st_mode):
        raise FileExistsError(errno.EEXIST, "there is a file that is no socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)  # noqa: FBT003 - the socket's own signature
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            Path(path).unlink()
            return
        except FileNotFoundError:
            return
        except OSError:
            # Its queue is full, it is of another kind, or not for us: in any case somebody's.
            pass
    raise OSError(errno.EADDRINUSE, "somebody listens there")


def _identity(file: str) -> tuple[int, int] | None:
    try:
        status = os.lstat(file)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _bound(listening: socket.socket) -> None:
    """What connections inherit: little is kept by the kernel."""
    listening.setblocking(False)  # noqa: FBT003 - the socket's own signature
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)


def _of_tcp(listening: socket.socket) -> None:
    """What connections inherit: no waiting for more to send, an end to peers that read nothing.

    Nor are they accepted before they have said something, where the kernel can wait for that.
    """
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(UNREAD_SECONDS * 1000))
    if hasattr(socket, "TCP_DEFER_ACCEPT"):
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, int(SILENCE_SECONDS))
