"""A stop is calm: clients are told, come back elsewhere, and nothing is lost."""

from tests.support.gateway import gateway_process, token
from tests.support.node import NodeProcess


async def test_a_stop_sends_clients_away_and_they_find_back_by_themselves(tmp_path, node: NodeProcess):
    """SIGTERM: `closing`, a transport that closes under the client, exit code 0; the stock client reconnects."""
    async with gateway_process(tmp_path, DRAIN_SECONDS="2") as process:
        here = process.gateway
        websocket = await node.open(here.public, auth={"token": token("ann")}, follow_since=True)
        polling = await node.open(
            here.public, auth={"token": token("ann")}, follow_since=True, transports=("polling",)
        )
        for client in (websocket, polling):
            await client.event("ready")
        await websocket.upgraded()
        await here.emit("user:ann", "before")

        code = await process.terminate()

        assert code == 0
        for client in (websocket, polling):
            closing = await client.event("closing")
            assert (closing["reason"], closing["reconnect"]) == ("draining", True)
            assert closing["retry_after"] >= 0
            assert (await client.disconnected())["active"] is True
        assert "Traceback" not in process.log.read_text()

        await process.start()
        for client in (websocket, polling):
            await client.event("ready")
        await here.emit("user:ann", "after")
        for client in (websocket, polling):
            titles = [n["title"] for n in await client.events("notification", 2)]
            assert titles == ["before", "after"]


async def test_a_stop_with_nobody_there_is_quick_and_clean(tmp_path):
    async with gateway_process(tmp_path) as process:
        assert await process.terminate(deadline_seconds=10) == 0
        assert "Traceback" not in process.log.read_text()
