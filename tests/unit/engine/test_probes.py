"""What a client says on a websocket that it may upgrade to is bounded, as all else is."""

import asyncio
import contextlib
import socket

PROBE = bytes((0x81, 0x80 | 6)) + b"\0\0\0\0" + b"2probe"
HEAD = """GET /socket.io/?EIO=4&transport=websocket&sid={sid} HTTP/1.1\r
Host: x\r
Upgrade: websocket\r
Connection: Upgrade\r
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r
Sec-WebSocket-Version: 13\r
\r
"""


async def test_a_second_probe_ends_the_upgrade_and_is_not_answered(hosts, http):
    """Else whoever reads none of the answers has them kept, each with a timer."""
    host = await hosts()
    async with http.get(f"http://127.0.0.1:{host.port}/socket.io/?EIO=4&transport=polling") as answer:
        sid = (await answer.text()).partition('"sid":"')[2].partition('"')[0]
    loop = asyncio.get_running_loop()
    with socket.socket() as tcp:
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        tcp.setblocking(False)
        await loop.sock_connect(tcp, ("127.0.0.1", host.port))
        await loop.sock_sendall(tcp, HEAD.format(sid=sid).encode())

        heard = b""
        async with asyncio.timeout(10):
            with contextlib.suppress(ConnectionError):
                await loop.sock_sendall(tcp, PROBE * 100)
                while more := await loop.sock_recv(tcp, 4096):
                    heard += more

    assert heard.count(b"3probe") == 1
