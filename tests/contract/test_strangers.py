"""What a stranger's request may cost either site, byte by byte as it comes over the network."""

import asyncio
import gzip
import json
import logging
import zlib
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from gateway.engine import bodies, requests
from gateway.engine import http as engine_http
from gateway.http import reading
from tests.support.gateway import API_KEY, Gateway, gateway, token
from tests.support.rawsocket import RawSocket, hang_up_all

DEADLINE = 10
NEVER = 60.0
BODY = {"to": "user:ann", "type": "ORDER_UPDATE", "title": "Your order has shipped"}

REFUSED = [
    ("public", "POST /api/notifications/read", 401),
    ("public", "POST /nothing", 404),
    ("public", "POST /healthz", 405),
    ("public", "POST /socket.io/?EIO=4&transport=polling&sid=unknown", 400),
    ("public", "POST /socket.io/?EIO=4&transport=polling", 400),
    ("public", "GET /healthz", 200),
    ("internal", "POST /internal/emit", 401),
    ("internal", "POST /internal/emit/batch", 401),
    ("internal", "POST /nothing", 404),
    ("internal", "DELETE /internal/users/ann/data", 401),
]
"""Requests that nobody needs the body of, and how they are answered."""
refused = pytest.mark.parametrize(("site", "line", "status"), REFUSED, ids=[line for _, line, _ in REFUSED])


@pytest.fixture
async def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Gateway]:
    monkeypatch.setattr(engine_http, "PARTING_SECONDS", 0.1)
    async with gateway(tmp_path) as running:
        yield running
        await hang_up_all()


@pytest.fixture
def inflated(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes came of each step of inflating, whoever asks for it."""
    steps: list[int] = []
    make = zlib.decompressobj

    class Counting:
        def __init__(self, *args: Any, **options: Any) -> None:
            self._real = make(*args, **options)

        def decompress(self, *args: Any) -> bytes:
            out = self._real.decompress(*args)
            steps.append(len(out))
            return out

        def __getattr__(self, name: str) -> Any:
            return getattr(self._real, name)

    monkeypatch.setattr(zlib, "decompressobj", Counting)
    return steps


def port_of(here: Gateway, site: str) -> int:
    port = urlsplit(getattr(here, site)).port
    assert port is not None
    return port


def head(line: str, *fields: str) -> bytes:
    return "\r\n".join([f"{line} HTTP/1.1", "Host: x", *fields, "", ""]).encode()


def keyed(line: str, *fields: str) -> bytes:
    return head(line, f"Authorization: Bearer {API_KEY}", "Content-Type: application/json", *fields)


@cache
def bomb(coding: str) -> bytes:
    """Twenty megabytes in twenty kilobytes."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31 if coding == "gzip" else 15)
    return packer.compress(b" " * 20_000_000) + packer.flush()


async def answers(port: int, *parts: bytes) -> list[tuple[int, dict[str, str], bytes]]:
    """All the answers on a connection that is sent `parts`, until the server ends it."""
    raw = await RawSocket.dial(port)
    for part in parts:
        raw.send(part)
    found = []
    async with asyncio.timeout(DEADLINE):
        while True:
            answer = await _answer(raw)
            if answer is None:
                break
            found.append(answer)
    await raw.hang_up()
    return found


async def _answer(raw: RawSocket) -> tuple[int, dict[str, str], bytes] | None:
    try:
        text = (await raw.reader.readuntil(b"\r\n\r\n")).decode()
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    first, *lines = text.strip().split("\r\n")
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await raw.reader.readexactly(int(fields.get("content-length", 0)))
    return int(first.split()[1]), fields, body


def is_problem(answer: tuple[int, dict[str, str], bytes], status: int, code: str) -> bool:
    told = json.loads(answer[2])
    assert answer[1]["content-type"] == "application/problem+json"
    assert (answer[0], told["status"], told["code"]) == (status, status, code)
    assert told["request_id"] == answer[1]["x-request-id"]
    assert answer[1]["server"] == "bellhop"
    return True


# Nothing is done for who is refused


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_nothing_is_inflated_for_who_is_refused(here, inflated, coding):
    body = bomb(coding)
    for site, line, status in REFUSED:
        # Its end does not come: whoever waits for it would wait for ever.
        fields = head(line, f"Content-Encoding: {coding}", f"Content-Length: {len(body) + 1}")

        [(answered, told, _)] = await answers(port_of(here, site), fields, body)

        assert answered == status, line
        assert told["connection"] == "close"
    assert sum(inflated) == 0


async def test_nor_when_the_body_is_chunked(here, inflated):
    body = bomb("gzip")
    chunks = b"".join(
        b"%x\r\n%s\r\n" % (len(part), part)
        for part in (body[at : at + 1000] for at in range(0, len(body), 1000))
    )
    for site, line, status in REFUSED:
        fields = head(line, "Content-Encoding: gzip", "Transfer-Encoding: chunked")

        [(answered, *_)] = await answers(port_of(here, site), fields, chunks)

        assert answered == status, line
    assert sum(inflated) == 0


@refused
async def test_the_rest_of_a_refused_body_is_not_read(here, site, line, status, monkeypatch):
    """Little more than what came with the head, however much is sent; what comes is only taken from the kernel, not looked at."""
    taken = []
    feed = engine_http.StreamReader.feed_data
    monkeypatch.setattr(
        engine_http.StreamReader,
        "feed_data",
        lambda self, data, *more: taken.append(len(data)) or feed(self, data, *more),
    )
    raw = await RawSocket.dial(port_of(here, site))
    raw.send(head(line, f"Content-Length: {10**12}"))

    async def flood() -> None:
        while True:
            raw.send(bytes(65_536))
            await raw.writer.drain()

    flooding = asyncio.create_task(flood())
    async with asyncio.timeout(DEADLINE):
        answer = await _answer(raw)
        assert answer is not None
        assert answer[0] == status
        await asyncio.wait([flooding])
    assert isinstance(flooding.exception(), ConnectionError)
    # What one read of the kernel gives.
    assert sum(taken) <= 512 * 1024


async def test_a_short_body_that_nobody_wants_does_not_cost_the_connection(here):
    body = json.dumps(BODY).encode()
    requests = head("POST /internal/emit", f"Content-Length: {len(body)}") + body[:5]

    raw = await RawSocket.dial(port_of(here, "internal"))
    raw.send(requests)
    first = await asyncio.wait_for(_answer(raw), DEADLINE)
    raw.send(body[5:] + head("GET /healthz"))
    second = await asyncio.wait_for(_answer(raw), DEADLINE)

    assert first is not None
    assert second is not None
    assert (first[0], second[0]) == (401, 200)
    await raw.hang_up()


@pytest.mark.parametrize("framing", ["Content-Length: 20000", "Transfer-Encoding: chunked"])
async def test_nothing_behind_a_refused_request_is_taken_for_another(here, framing):
    hidden = head("GET /healthz")
    body = hidden if "Length" in framing else b"4e20\r\n" + hidden
    for site, line, status in REFUSED:
        # The body with the head, and behind it.
        for parts in ((head(line, framing) + body,), (head(line, framing), body)):
            found = await answers(port_of(here, site), *parts)

            assert [answer[0] for answer in found] == [status], line


async def test_requests_behind_a_whole_one_are_answered_in_their_order(here):
    body = b"{}"
    one = head("POST /internal/emit", "Content-Length: 2") + body

    found = await answers(
        port_of(here, "internal"),
        one + head("GET /healthz") + one + head("GET /nothing", "Connection: close"),
    )

    assert [answer[0] for answer in found] == [401, 200, 401, 404]


async def test_who_is_refused_can_still_read_the_answer_after_sending_it_all(here):
    """A reset would take the answer from a client that writes first and reads then."""
    body = bytes(100_000)

    [(status, *_)] = await answers(
        port_of(here, "internal"),
        head("POST /internal/emit", f"Content-Length: {len(body)}", "Connection: close") + body,
    )

    assert status == 401


async def test_only_so_many_connections_wait_for_their_client_to_read(here, monkeypatch):
    monkeypatch.setattr(engine_http, "PARTING", 0)
    monkeypatch.setattr(engine_http, "PARTING_SECONDS", NEVER)

    found = await answers(port_of(here, "internal"), head("POST /internal/emit", "Content-Length: 99999"))

    assert [answer[0] for answer in found] == [401]


# Bodies of those who may ask


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
@pytest.mark.parametrize(
    ("path", "limit"), [("/internal/emit", 64 * 1024), ("/internal/emit/batch", 16 * 1024 * 1024)]
)
async def test_a_bomb_of_one_who_may_ask_ends_at_the_limit(here, inflated, coding, path, limit):
    body = bomb(coding)

    found = await answers(
        port_of(here, "internal"),
        keyed(
            f"POST {path}", f"Content-Encoding: {coding}", f"Content-Length: {len(body)}", "Connection: close"
        ),
        body,
    )

    assert is_problem(found[0], 413, "too_large")
    assert sum(inflated) <= limit + bodies.STEP_BYTES
    assert max(inflated) <= bodies.STEP_BYTES


async def test_the_loop_goes_on_while_a_large_body_is_inflated(here, inflated):
    body = gzip.compress(b" " * 15_000_000 + json.dumps({"notifications": [BODY]}).encode())
    most = 0
    done = asyncio.Event()

    async def watch() -> None:
        nonlocal most
        while not done.is_set():
            before = len(inflated)
            await asyncio.sleep(0)
            most = max(most, len(inflated) - before)

    watching = asyncio.create_task(watch())
    found = await answers(
        port_of(here, "internal"),
        keyed(
            "POST /internal/emit/batch",
            "Content-Encoding: gzip",
            f"Content-Length: {len(body)}",
            "Connection: close",
        ),
        body,
    )
    done.set()
    await watching

    assert found[0][0] == 207
    assert len(inflated) > 200
    assert most <= 2


@pytest.mark.parametrize(
    ("coding", "pack"),
    [
        ("gzip", gzip.compress),
        ("x-gzip", gzip.compress),
        ("GZIP", gzip.compress),
        ("identity, gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", lambda body: zlib.compress(body)[2:-4]),
        ("gzip", lambda body: gzip.compress(body[:10]) + gzip.compress(body[10:])),
        ("identity", bytes),
        ("", bytes),
    ],
    ids=[
        "gzip",
        "x-gzip",
        "capitals",
        "with identity",
        "deflate",
        "raw deflate",
        "members",
        "identity",
        "empty",
    ],
)
async def test_what_can_be_undone_is(here, coding, pack):
    raw = pack(json.dumps(BODY).encode())
    answered = await here.ask(
        "POST", "/internal/emit", raw=raw, Content_Type="application/json", Content_Encoding=coding
    )

    assert answered.status == 202


@pytest.mark.parametrize(
    "raw",
    [
        b"no gzip",
        gzip.compress(b"{}")[:-3],
        gzip.compress(b"{}") + b"more",
        gzip.compress(b"{}")[:-8] + bytes(8),
        b"".join([gzip.compress(b" ")] * 17),
    ],
    ids=["no gzip", "cut", "more behind it", "wrong sum", "too many members"],
)
async def test_what_cannot_be_inflated_is_a_bad_request(here, raw):
    answered = await here.ask(
        "POST", "/internal/emit", raw=raw, Content_Type="application/json", Content_Encoding="gzip"
    )

    assert (answered.status, answered.body["code"]) == (400, "bad_request")


@pytest.mark.parametrize(
    "codings",
    [
        ["br"],
        ["zstd"],
        ["compress"],
        ["gzip, gzip"],
        ["gzip", "br"],
        ["gzip", "gzip"],
        ["x"],
        ["ä"],
        ["gzip;q=1"],
    ],
)
async def test_what_cannot_be_undone_is_told_so_everywhere(here, codings):
    fields = [
        *(f"Content-Encoding: {coding}" for coding in codings),
        "Content-Length: 2",
        "Connection: close",
    ]
    for site, line, _ in REFUSED:
        [answer] = await answers(port_of(here, site), head(line, *fields) + b"{}")

        assert is_problem(answer, 415, "unsupported_encoding")
        assert answer[1]["accept-encoding"] == "gzip, deflate"


@pytest.mark.parametrize("expected", ["nonsense", "100-continue, nonsense", "nonsense=1; a"])
async def test_what_cannot_be_expected_is_told_so_everywhere(here, caplog, expected):
    for site, line, _ in REFUSED:
        [answer] = await answers(port_of(here, site), head(line, f"Expect: {expected}", "Connection: close"))

        assert is_problem(answer, 417, "expectation_failed")
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_who_is_refused_is_not_asked_for_the_body(here):
    for site, line, status in REFUSED:
        found = await answers(port_of(here, site), head(line, "Expect: 100-continue", "Content-Length: 5"))

        assert [answer[0] for answer in found] == [status], line


async def test_who_may_ask_is_asked_for_the_body(here):
    body = json.dumps(BODY).encode()
    raw = await RawSocket.dial(port_of(here, "internal"))
    raw.send(keyed("POST /internal/emit", "Expect: 100-Continue", f"Content-Length: {len(body)}"))

    assert (
        await asyncio.wait_for(raw.reader.readuntil(b"\r\n\r\n"), DEADLINE)
    ) == b"HTTP/1.1 100 Continue\r\n\r\n"
    raw.send(body)
    answer = await asyncio.wait_for(_answer(raw), DEADLINE)

    assert answer is not None
    assert answer[0] == 202
    await raw.hang_up()


async def test_a_body_that_does_not_come_is_waited_for_so_long(here, monkeypatch):
    monkeypatch.setattr(reading, "BODY_SECONDS", 0.2)

    found = await answers(
        port_of(here, "internal"), keyed("POST /internal/emit", "Content-Length: 500"), b"{"
    )

    assert is_problem(found[0], 408, "request_timeout")
    assert len(found) == 1


async def test_a_head_that_does_not_come_is_waited_for_so_long(here, monkeypatch):
    monkeypatch.setattr(engine_http, "KEEP_ALIVE_SECONDS", 0.2)

    assert await answers(port_of(here, "public"), b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: ") == []


async def test_a_poster_s_body_that_does_not_come_is_waited_for_so_long(here, monkeypatch):
    monkeypatch.setattr(requests, "BODY_SECONDS", 0.2)
    opened = await here.request("GET", here.public + "/socket.io/?EIO=4&transport=polling")
    sid = json.loads(opened.body[1:])["sid"]
    line = f"POST /socket.io/?EIO=4&transport=polling&sid={sid}"

    found = await answers(port_of(here, "public"), head(line, "Content-Length: 500"), b"40")

    assert [answer[0] for answer in found] == [408]


async def test_a_body_that_breaks_off_in_a_chunk_is_a_bad_request_at_once(here, caplog):
    found = await answers(
        port_of(here, "internal"),
        keyed("POST /internal/emit", "Transfer-Encoding: chunked"),
        b'5\r\n{"to"\r\n',
        b"zz\r\nsecret\r\n",
    )

    assert is_problem(found[0], 400, "bad_request")
    assert len(found) == 1
    assert "secret" not in caplog.text


async def test_a_media_type_of_kilobytes_is_none(here):
    answered = await here.ask(
        "POST", "/internal/emit", raw=b"{}", Content_Type="application/json; x=" + "(" * 8000
    )

    assert answered.status == 415


async def test_a_query_of_thousands_of_parameters_is_refused(here):
    query = "&".join(f"a{number}" for number in range(1000))
    answered = await here.request(
        "GET", f"{here.public}/api/notifications?{query}", headers={"Authorization": f"Bearer {token('ann')}"}
    )

    assert answered.status == 422


# What is no request

SECRET = "session=hunter2"

NONSENSE = {
    "no request": (b"nonsense " + SECRET.encode() + b"\r\n\r\n", 400, "bad_request"),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100), 400, "bad_request"),
    "unknown method": (head("HUNT /", f"Cookie: {SECRET}"), 400, "bad_request"),
    "NUL": (head("GET /", f"Cookie: {SECRET}\0"), 400, "bad_request"),
    "no host": (f"GET / HTTP/1.1\r\nCookie: {SECRET}\r\n\r\n".encode(), 400, "bad_request"),
    "two hosts": (head("GET /", "Host: y", f"Cookie: {SECRET}"), 400, "bad_request"),
    "two lengths": (head("POST /", "Content-Length: 1", "Content-Length: 2", f"Cookie: {SECRET}"), 400, "bad_request"),
    "length and chunks": (head("POST /", "Content-Length: 1", "Transfer-Encoding: chunked", f"Cookie: {SECRET}"), 400, "bad_request"),
    "coding of transfer": (head("POST /", "Transfer-Encoding: gzip", f"Cookie: {SECRET}"), 400, "bad_request"),
    "folded": (head("GET /", "X: a\r\n b", f"Cookie: {SECRET}"), 400, "bad_request"),
    "bare line feed": (head("GET /", "X: a\nY: b", f"Cookie: {SECRET}"), 400, "bad_request"),
    "no path": (head(f"GET {SECRET}"), 400, "bad_request"),
    "strange target": (head("GET http://[::1:/"), 400, "bad_request"),
    "old websocket": (head("GET /", "Sec-WebSocket-Key1: x", f"Cookie: {SECRET}"), 400, "bad_request"),
    "too many fields": (head("GET /", *(f"X{number}: y" for number in range(200)), f"Cookie: {SECRET}"), 400, "bad_request"),
    "a field too long": (head("GET /", f"Cookie: {SECRET}; " + "c" * 70_000), 431, "head_too_large"),
    "all too long": (head("GET /", *(f"X{number}: {'y' * 5000}" for number in range(100)), f"Cookie: {SECRET}"), 431, "head_too_large"),
    "an address too long": (head("GET /?" + "a" * 9000), 414, "uri_too_long"),
    "a path of slashes": (head("GET " + "/" * 8000, "Connection: close"), 404, "not_found"),
}  # fmt: skip


@pytest.mark.parametrize("site", ["public", "internal"])
@pytest.mark.parametrize("what", NONSENSE)
async def test_what_is_no_request_gets_a_problem_and_is_quoted_nowhere(here, caplog, site, what):
    data, status, code = NONSENSE[what]
    caplog.set_level(logging.DEBUG)

    found = await answers(port_of(here, site), data)

    assert [answer[0] for answer in found] == [status]
    assert is_problem(found[0], status, code)
    for said in (caplog.text, str(found)):
        assert "hunter2" not in said
        assert "Traceback" not in said
        assert "aiohttp" not in said


async def test_a_head_in_pieces_has_the_same_bound(here):
    raw = await RawSocket.dial(port_of(here, "public"))
    raw.send(b"GET / HTTP/1.1\r\nHost: x\r\n")
    answer = asyncio.create_task(_answer(raw))
    number = 0
    async with asyncio.timeout(DEADLINE):
        while not answer.done() and number < 100:
            raw.send(f"X{number}: {'y' * 4000}\r\n".encode())
            await raw.writer.drain()
            await asyncio.sleep(0)
            number += 1
        found = await answer

    assert found is not None
    assert is_problem(found, 431, "head_too_large")
    await raw.hang_up()


@pytest.mark.parametrize(
    ("site", "line"),
    [
        ("public", "GET /healthz"),
        ("public", "GET /api/notifications"),
        ("public", "GET /socket.io/?EIO=4&transport=polling"),
        ("internal", "GET /readyz"),
    ],
)
async def test_the_cookies_of_a_whole_shop_are_no_obstacle(here, site, line):
    fields = [f"Cookie: {'c' * 60_000}", f"Authorization: Bearer {token('ann')}", "Connection: close"]

    [(status, *_)] = await answers(port_of(here, site), head(line, *fields))

    assert status == 200


async def test_no_answer_names_a_version(here):
    """`Server` is a service's name, and no library's."""
    requests = [(site, head(line, "Connection: close")) for site, line, _ in REFUSED]
    requests += [("public", data) for data, *_ in NONSENSE.values()]
    requests += [
        ("public", head("OPTIONS /socket.io/", "Connection: close")),
        ("public", head("GET /dashboard", "Connection: close")),
    ]

    for site, data in requests:
        for _, fields, _ in await answers(port_of(here, site), data):
            assert fields["server"] == "bellhop"
