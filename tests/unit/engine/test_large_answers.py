"""An answer that is larger than what may wait for a client reaches one that reads."""

import pytest

from gateway.engine import server
from tests.support.rawsocket import RawPoller, RawSocket


def answering(host, size: int) -> None:
    async def big(_sid: str) -> str:
        return "x" * size

    host.server.on("big", big, namespace="/")


@pytest.mark.parametrize("size", [200_000, 700_000, 1_500_000, 6_000_000])
@pytest.mark.parametrize("receive", [None, 65_536])
async def test_a_large_answer_reaches_a_client_that_reads(hosts, size, receive):
    host = await hosts()
    answering(host, size)
    raw = await RawSocket.join(host.port, receive_bytes=receive)

    raw.say('421["big"]')

    assert len(await raw.text()) > size
    assert host.server.stats.slow_consumers == 0


async def test_two_large_answers_and_what_is_emitted_meanwhile_come_in_their_order(hosts):
    host = await hosts()
    answering(host, 1_500_000)
    raw = await RawSocket.join(host.port, receive_bytes=65_536)

    raw.say('421["big"]')
    raw.say('422["big"]')
    raw.say('423["echo","x"]')

    heard = [await raw.text() for _ in range(3)]
    assert [each[:3] for each in heard] == ["431", "432", "433"]
    assert host.server.stats.slow_consumers == 0


async def test_a_large_answer_reaches_a_client_that_polls(hosts, http):
    host = await hosts()
    answering(host, 700_000)
    poller = await RawPoller.join(http, host.port)

    await poller.say('421["big"]')
    [answer] = await poller.poll()

    assert len(answer) > 700_000
    await poller.say('422["echo","y"]')
    assert await poller.poll() == ['432["y"]']


async def test_one_that_does_not_read_its_answer_is_given_up(hosts, monkeypatch):
    monkeypatch.setattr(server, "ANSWER_SECONDS", 0.3)
    host = await hosts()
    answering(host, 9_000_000)
    raw = await RawSocket.join(host.port, receive_bytes=4096)
    raw.writer.transport.pause_reading()

    raw.say('421["big"]')

    await host.until(lambda: host.disconnects)
    assert host.server.stats.slow_consumers == 1
