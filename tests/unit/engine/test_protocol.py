"""What the test suites of the protocols' own repositories check, engine.io-protocol and socket.io-protocol, held here.

Adapted: the path is Socket.IO's; where the suites want an `auth` event and messages echoed, the handler `echo` answers by
its acknowledgement; the custom namespace is `/admin`; `maxPayload` is the setting's. Those do not apply:

- the echo of plain Engine.IO messages, text and binary: above this transport there is always Socket.IO, and a message
  that is no packet of its own ends the connection, which is tested instead;
- a main namespace without a handler's consent: `tests/journeys` show what a token opens.

Decided by the protocol's text and by what the reference server and the stock clients do:

- two polls of one session at once end it: the first is answered `1`, the second 400. No stock client does it;
- a poll after the ping timeout is answered 400, whatever was owed: the session is over, and clients come back after it;
- a handshake names its transport. All clients do; python-engineio's server alone takes polling for granted;
- the protocol asks for a `noop` at the probe and nothing of polls after it. A poll that waits is let go at once, or with
  the answer to a CONNECT at work; until `5` polls carry what is owed, and empty ones end ever later.
"""

import asyncio
import json

import pytest

from tests.support.rawsocket import RawPoller, RawSocket, masked
from tests.unit.engine.hosts import Host

SUITE = {"ping_interval_seconds": 0.3, "ping_timeout_seconds": 0.2}


@pytest.fixture
async def host(hosts) -> Host:
    """A server with the suites' settings."""
    return await hosts(**SUITE, connect_deadline_seconds=1, max_message_bytes=1_000_000)


@pytest.fixture
async def calm(hosts) -> Host:
    """A server that does not ping while a test takes its time."""
    return await hosts()


def url(host: Host, query: str) -> str:
    return f"http://127.0.0.1:{host.port}/socket.io/?{query}"


# Handshake


async def test_polling_opens_a_session(host, http):
    async with http.get(url(host, "EIO=4&transport=polling")) as response:
        text = await response.text()

    assert response.status == 200
    assert text[0] == "0"
    opening = json.loads(text[1:])
    assert isinstance(opening.pop("sid"), str)
    assert opening == {
        "upgrades": ["websocket"],
        "pingInterval": 300,
        "pingTimeout": 200,
        "maxPayload": 1_000_000,
    }


async def test_a_websocket_opens_a_session(host):
    raw = await RawSocket.open(host.port)

    opening = json.loads((await raw.text())[1:])

    assert isinstance(opening.pop("sid"), str)
    assert opening == {"upgrades": [], "pingInterval": 300, "pingTimeout": 200, "maxPayload": 1_000_000}


@pytest.mark.parametrize(
    "query", ["transport=polling", "EIO=abc&transport=polling", "EIO=4", "EIO=4&transport=abc"]
)
@pytest.mark.parametrize("upgrade", [False, True], ids=["plain", "websocket"])
async def test_a_handshake_with_a_wrong_or_missing_parameter_is_answered_400(host, http, query, upgrade):
    headers = {"Upgrade": "websocket", "Connection": "Upgrade"} if upgrade else {}
    if upgrade:
        query = query.replace("polling", "websocket")

    async with http.get(url(host, query), headers=headers) as response:
        assert response.status == 400


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD"])
async def test_a_handshake_by_another_method_is_answered_400(host, http, method):
    async with http.request(method, url(host, "EIO=4&transport=polling")) as response:
        assert response.status == 400


# Messages


async def test_a_body_may_hold_one_packet_or_several(calm, http):
    poller = await RawPoller.join(http, calm.port)

    assert await poller.say('421["echo","hello"]') == 200
    assert await poller.poll() == ['431["hello"]']
    assert await poller.say('421["echo",1]', '422["echo",2]', '423["echo",3]') == 200

    got: list[str] = []
    while len(got) < 3:
        got += await poller.poll()
    assert got == ["431[1]", "432[2]", "433[3]"]


async def test_a_body_may_hold_text_and_binary(calm, http):
    poller = await RawPoller.join(http, calm.port)

    assert await poller.say('451-7["echo",{"_placeholder":true,"num":0}]', "bAQIDBA==") == 200

    assert await poller.poll() == ['461-7[{"_placeholder":true,"num":0}]', "bAQIDBA=="]


@pytest.mark.parametrize("body", ["abc", "", "4abc", "b!!", "4hello"])
async def test_a_body_that_is_no_packet_is_answered_400_and_ends_the_session(calm, http, body):
    poller = await RawPoller.join(http, calm.port)

    assert await poller.say(body) == 400

    assert await poller.status() == 400


async def test_a_poll_that_waits_ends_when_the_session_is_ended_by_a_body_that_is_no_packet(calm, http):
    poller = await RawPoller.join(http, calm.port)
    waiting = await _waiting(calm, poller)

    assert await poller.say("abc") == 400

    assert await waiting == ["6"]
    assert await poller.status() == 400


async def test_two_polls_at_once_end_the_session(calm, http):
    poller = await RawPoller.join(http, calm.port)
    first = await _waiting(calm, poller)

    assert await poller.status() == 400

    assert await first == ["1"]
    assert await poller.status() == 400
    await calm.until(lambda: calm.disconnects)


@pytest.mark.parametrize("frame", [masked(0x81, b"abc"), masked(0x81, b"4abc"), masked(0x82, b"\1\2")])
async def test_a_frame_that_is_no_packet_ends_the_session(calm, frame):
    raw = await RawSocket.open(calm.port)
    await raw.text()

    raw.send(frame)

    assert await raw.gone() is not None


# Heartbeat


async def test_pings_go_out_by_polling_and_pongs_keep_the_session(host, http):
    poller = await RawPoller.join(http, host.port)

    for _ in range(3):
        assert await poller.poll() == ["2"]
        assert await poller.say("3") == 200


async def test_pings_go_out_by_websocket_and_pongs_keep_the_session(host):
    raw = await RawSocket.join(host.port)

    for _ in range(3):
        assert await raw.frame() == (1, b"2")
        raw.say("3")


async def test_a_poll_after_the_ping_timeout_is_answered_400(host, http):
    poller = await RawPoller.join(http, host.port)

    await host.until(lambda: host.disconnects == ["ping timeout"])

    assert await poller.status() == 400


async def test_a_websocket_ends_with_the_ping_timeout(host):
    raw = await RawSocket.open(host.port)
    await raw.text()

    while (await raw.frame())[0] != 8:
        pass


# Close


async def test_the_client_s_goodbye_ends_the_poll_that_waits(calm, http):
    poller = await RawPoller.join(http, calm.port)
    waiting = await _waiting(calm, poller)

    assert await poller.say("1") == 200

    assert await waiting == ["6"]
    assert await poller.status() == 400


async def test_the_client_s_goodbye_ends_a_websocket(calm):
    raw = await RawSocket.open(calm.port)
    await raw.text()

    raw.say("1")

    await raw.gone()


# Upgrade


async def test_an_upgrade_goes_by_probe_noop_and_upgrade(calm, http):
    poller = await RawPoller.join(http, calm.port)
    raw = await RawSocket.open(calm.port, query=f"&sid={poller.sid}")

    raw.say("2probe")
    assert await raw.text() == "3probe"
    assert await poller.poll() == ["6"]
    raw.say("5")
    raw.say('421["echo","hello"]')

    assert await raw.text() == '431["hello"]'


async def test_polls_and_websockets_of_a_session_that_has_upgraded_are_ignored(calm, http):
    poller = await RawPoller.join(http, calm.port)
    raw = await RawSocket.open(calm.port, query=f"&sid={poller.sid}")
    raw.say("2probe")
    raw.say("5")
    await calm.until(lambda: next(iter(calm.server.eio.sockets.values())).upgraded)

    second = await RawSocket.dial(calm.port)
    second.handshake(f"&sid={poller.sid}")

    assert await poller.status() == 400
    assert b" 400 " in await second.reader.readline()
    assert await raw.text() == "3probe"
    raw.say('421["echo","hello"]')
    assert await raw.text() == '431["hello"]'


# Socket.IO


@pytest.mark.parametrize("namespace", ["/", "/admin"])
@pytest.mark.parametrize("auth", [None, {"token": "123"}])
async def test_a_namespace_is_connected_to_with_a_payload_or_without(calm, namespace, auth):
    raw = await RawSocket.open(calm.port)
    await raw.text()
    prefix = "" if namespace == "/" else f"{namespace},"

    raw.say("40" + prefix + ("" if auth is None else json.dumps(auth)))

    answer = await raw.text()
    assert answer.startswith("40" + prefix)
    assert list(json.loads(answer[2 + len(prefix) :])) == ["sid"]
    assert calm.connects == [auth]


async def test_an_unknown_namespace_is_refused(calm):
    raw = await RawSocket.open(calm.port)
    await raw.text()

    raw.say("40/random")

    assert await raw.text() == '44/random,{"message":"Invalid namespace"}'
    assert calm.server.stats.refusals.counts["invalid_namespace"] == 1


async def test_a_connection_without_a_connect_ends(hosts):
    host = await hosts(connect_deadline_seconds=0.2)
    raw = await RawSocket.open(host.port)

    assert await raw.gone() == 1012


async def test_one_who_left_the_main_namespace_is_still_pinged(host):
    raw = await RawSocket.join(host.port)

    raw.say("41")

    assert await raw.frame() == (1, b"2")


async def test_leaving_one_namespace_leaves_the_other(calm):
    raw = await RawSocket.join(calm.port)
    await raw.connect(namespace="/admin")

    raw.say("41/admin,")
    raw.say('421["echo","to the main namespace"]')

    assert await raw.text() == '431["to the main namespace"]'


async def test_an_event_is_acknowledged_under_its_number_with_what_it_carried(calm):
    raw = await RawSocket.join(calm.port)

    raw.say('42456["echo",{"3":[false]},"2"]')

    assert await raw.text() == '43456[{"3":[false]}]'


async def test_attachments_go_and_come(calm):
    raw = await RawSocket.join(calm.port)

    raw.say('452-789["echo",[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]]')
    raw.send(masked(0x82, b"\1\2\3") + masked(0x82, b"\4\5\6"))

    assert await raw.text() == '462-789[[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]]'
    assert [await raw.frame() for _ in range(2)] == [(2, b"\1\2\3"), (2, b"\4\5\6")]


@pytest.mark.parametrize("packet", ["4abc", "42{}", '42abc["echo",1]', "49", "40[]", "42"])
async def test_a_packet_of_no_format_ends_the_connection(calm, packet):
    raw = await RawSocket.join(calm.port)

    raw.say(packet)

    await raw.gone()
    await calm.until(lambda: calm.disconnects)


async def _waiting(host: Host, poller: RawPoller) -> "asyncio.Task[list[str]]":
    """A poll of the only connection, when the server has it."""
    connection = next(iter(host.server.eio.sockets.values()))
    task = asyncio.create_task(poller.poll())
    await host.until(lambda: connection.poller is not None)
    return task
