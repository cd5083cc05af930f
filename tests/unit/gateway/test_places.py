"""Where a site listens: addresses of both kinds and unix sockets, opened together and left as they were found."""

import asyncio
import errno
import os
import socket
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from gateway.ground import places
from gateway.ground.places import Listening, nearest, opened, place

Open = Callable[..., Awaitable[list[Listening]]]


@pytest.fixture
async def listen() -> AsyncIterator[Open]:
    """Opens places, and closes them at the end."""
    made: list[Listening] = []

    async def listen(*hosts: str, port: int = 0, mode: int = 0o660) -> list[Listening]:
        listening = await opened([place(host) for host in hosts], port, mode=mode)
        made.extend(listening)
        return listening

    yield listen
    for listening in made:
        listening.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "bellhop.sock"


def answers(family: socket.AddressFamily, where: object) -> bool:
    with socket.socket(family) as client:
        client.settimeout(5)
        return client.connect_ex(where) == 0  # type: ignore[arg-type]


def answers_tcp(host: str, port: int) -> bool:
    return answers(socket.AF_INET6 if ":" in host else socket.AF_INET, (host, port))


def port_of(listening: Listening) -> int:
    port = listening.socket.getsockname()[1]
    assert isinstance(port, int)
    return port


# TCP


@pytest.mark.parametrize(
    ("hosts", "ipv4", "ipv6"),
    [
        (("::",), True, True),
        (("0.0.0.0", "::"), True, True),
        (("::", "0.0.0.0"), True, True),
        (("127.0.0.1", "::1"), True, True),
        (("127.0.0.1", "[::1]"), True, True),
        (("::", "127.0.0.1"), True, True),
        (("0.0.0.0",), True, False),
        (("127.0.0.1",), True, False),
        (("::1",), False, True),
    ],
)
async def test_both_kinds_of_addresses_are_served_on_one_port(
    listen: Open, hosts: tuple[str, ...], ipv4: bool, ipv6: bool
):
    listening = await listen(*hosts)

    (port,) = {port_of(each) for each in listening}
    assert answers_tcp("127.0.0.1", port) == ipv4
    assert answers_tcp("::1", port) == ipv6


async def test_a_place_that_another_includes_is_opened_once(listen: Open):
    assert len(await listen("0.0.0.0", "127.0.0.1", "127.0.0.2")) == 1
    assert len(await listen("127.0.0.1", "127.0.0.1")) == 1
    assert len(await listen("::", "::1")) == 1


async def test_a_name_is_all_that_it_stands_for(listen: Open, monkeypatch: pytest.MonkeyPatch):
    async def three(host: str, port: int, **_: object) -> list[object]:
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", port, 0, 0)),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)),
            # Not of this machine (RFC 5737): passed over, since the name stands for others too.
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", port)),
        ]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", three)
    listening = await listen("shop.internal")

    assert len(listening) == 2
    assert answers_tcp("127.0.0.1", port_of(listening[0]))
    assert answers_tcp("::1", port_of(listening[0]))


async def test_an_address_that_is_asked_for_and_not_there_is_an_error_and_leaves_nothing_open(
    listen: Open, file: Path
):
    port = port_of((await listen("127.0.0.1"))[0])

    for hosts in (("192.0.2.1",), ("::1", "192.0.2.1"), (f"unix:{file}", "127.0.0.1")):
        with pytest.raises(OSError, match=r"[Aa]ddress"):
            await listen(*hosts, port=port)
        assert not answers_tcp("::1", port)
        assert not file.exists()


async def test_any_free_port_is_one_that_is_free_on_all(listen: Open, monkeypatch: pytest.MonkeyPatch):
    """Another may have it on the second address: then it is another port."""
    real, tried = places._tcp, []

    def unlucky(address: places.Address, port: int, *rest: object) -> Listening:
        tried.append(port)
        if len(tried) == 2:
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        return real(address, port, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(places, "_tcp", unlucky)
    listening = await listen("127.0.0.1", "::1")

    assert len({port_of(each) for each in listening}) == 1
    assert len(tried) == 4


# Unix sockets


async def test_a_unix_socket_is_used_by_whom_its_mode_names(listen: Open, file: Path):
    for mode in (0o660, 0o666):
        (listening,) = await listen(f"unix:{file}", mode=mode)

        assert stat.S_IMODE(file.stat().st_mode) == mode
        assert answers(socket.AF_UNIX, str(file))
        assert listening.url == f"unix:{file}"
        listening.close()
        assert not file.exists()


async def test_beside_tcp(listen: Open, file: Path):
    tcp, unix = await listen("127.0.0.1", f"unix:{file}")

    assert answers_tcp("127.0.0.1", port_of(tcp))
    assert answers(socket.AF_UNIX, str(file))
    assert unix.url == f"unix:{file}"


async def test_a_socket_that_was_left_behind_is_replaced(listen: Open, file: Path):
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(file))
        dead.listen()

    await listen(f"unix:{file}")

    assert answers(socket.AF_UNIX, str(file))


async def test_a_socket_on_which_somebody_listens_is_left_alone(listen: Open, file: Path):
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(file))
        other.listen(0)
        # Even if its queue is full.
        waiting = []
        for _ in range(8):
            client = socket.socket(socket.AF_UNIX)
            client.setblocking(False)
            waiting.append(client)
            if client.connect_ex(str(file)) != 0:
                break

        with pytest.raises(OSError, match="somebody listens there"):
            await listen(f"unix:{file}")
        assert file.is_socket()
        for client in waiting:
            client.close()


@pytest.mark.parametrize("kind", ["file", "folder", "link", "datagram"])
async def test_what_is_no_socket_of_ours_is_never_removed(listen: Open, file: Path, kind: str):
    keep = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    match kind:
        case "file":
            file.write_text("precious")
        case "folder":
            file.mkdir()
        case "link":
            (file.parent / "precious").write_text("precious")
            file.symlink_to(file.parent / "precious")
        case "datagram":
            keep.bind(str(file))

    with pytest.raises(OSError):  # noqa: PT011 - of whatever kind
        await listen(f"unix:{file}")

    assert os.path.lexists(file)
    assert kind != "file" or file.read_text() == "precious"
    keep.close()


async def test_the_socket_of_a_successor_is_not_removed(listen: Open, file: Path):
    (first,) = await listen(f"unix:{file}")
    file.rename(file.with_suffix(".old"))
    (second,) = await listen(f"unix:{file}")

    first.close()

    assert answers(socket.AF_UNIX, str(file))
    second.close()
    assert not file.exists()


async def test_of_two_that_start_at_once_one_has_the_socket_and_the_other_an_error(listen: Open, file: Path):
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(file))

    outcomes = await asyncio.gather(*(listen(f"unix:{file}") for _ in range(8)), return_exceptions=True)

    assert sum(isinstance(each, list) for each in outcomes) == 1
    assert sum(isinstance(each, OSError) for each in outcomes) == 7
    assert answers(socket.AF_UNIX, str(file))


async def test_a_folder_that_is_not_there_is_an_error(listen: Open, file: Path):
    with pytest.raises(OSError, match="No such file"):
        await listen(f"unix:{file.parent}/nowhere/bellhop.sock")


# As they are written


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("unix:/run/bellhop.sock", "unix:/run/bellhop.sock"),
        ("unix:///run/bellhop.sock", "unix:/run/bellhop.sock"),
        ("unix:/run/./x/../bellhop.sock", "unix:/run/bellhop.sock"),
        ("[::1]", "::1"),
        ("0:0:0:0:0:0:0:0", "::"),
        ("fe80::1%eth0", "fe80::1%eth0"),
        ("10.0.0.1", "10.0.0.1"),
        ("shop-1.internal", "shop-1.internal"),
    ],
)
def test_a_place_has_one_form(written: str, kept: str):
    assert place(written) == kept


@pytest.mark.parametrize(
    "written",
    ["", "unix:", "unix:bellhop.sock", "unix://run/bellhop.sock", "unix:/run/", "unix:@abstract", "unix:/" + "x" * 107,
     "localhost:8080", "[::1]:8080", "http://localhost", "::g", "a b", "/run/bellhop.sock"],
)  # fmt: skip
def test_what_is_no_place_is_refused(written: str):
    with pytest.raises(ValueError, match=r"."):
        place(written)


def test_what_is_printed_can_be_opened_on_this_machine():
    assert nearest(("http://0.0.0.0:80", "http://[::]:80")) == "http://127.0.0.1:80"
    assert nearest(("http://[::]:80",)) == "http://[::1]:80"
    assert nearest(("unix:/run/x", "http://10.0.0.1:80")) == "http://10.0.0.1:80"
    assert nearest(("unix:/run/x",)) == "unix:/run/x"
