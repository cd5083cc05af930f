"""Who was told that the session has ended may come again over the same connection, whatever its end still waits for."""

import asyncio

from tests.support.rawsocket import RawSocket


async def test_a_client_comes_again_while_its_former_session_is_still_taken_out(hosts):
    host = await hosts()
    gone = asyncio.Event()

    async def slow(_sid: str, _reason: str) -> None:
        await gone.wait()  # as for presence, by a Redis that is slow

    host.server.on("disconnect", slow, namespace="/")
    raw = await RawSocket.join(host.port)
    await raw.connect(namespace="/admin")
    [sid] = [each.sid for each in host.server.manager.sessions.values() if each.namespace == "/"]

    ending = asyncio.create_task(host.server.disconnect(sid, "/"))
    assert await raw.text() == "41"
    raw.say("40")

    assert (await raw.text()).startswith("40")
    gone.set()
    await ending
    raw.say('421["echo","x"]')
    assert await raw.text() == '431["x"]'
