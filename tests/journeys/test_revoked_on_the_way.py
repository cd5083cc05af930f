"""Who is sent away, or erased, while coming in does not come in."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from gateway.notify.delivery.replaying import Replaying
from tests.support.gateway import gateway, token
from tests.support.rawsocket import RawSocket


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/internal/users/ann/disconnect"), ("DELETE", "/internal/users/ann/data")],
)
async def test_who_is_sent_away_while_the_store_is_asked_is_not_let_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, path: str
):
    asked, answers = asyncio.Event(), asyncio.Event()
    plain = Replaying.join

    async def slow(self: Replaying, *args: Any, **kwargs: Any) -> Any:
        found = await plain(self, *args, **kwargs)
        asked.set()
        await answers.wait()
        return found

    monkeypatch.setattr(Replaying, "join", slow)
    async with gateway(tmp_path) as here, asyncio.timeout(20):
        async with await RawSocket.open(int(here.public.rpartition(":")[2].strip("/"))) as raw:
            await raw.text()
            raw.say("40" + json.dumps({"token": token("ann")}))
            await asked.wait()

            assert (await here.ask(method, path, body={} if method == "POST" else None)).status < 300
            # The order is carried out by a task of its own.
            await asyncio.sleep(0.2)
            answers.set()

            heard = []
            while not heard or heard[-1] != "41":
                heard.append(await raw.text())
            assert not any('"ready"' in each for each in heard)
            assert '"revoked"' in heard[-2]
        assert not list(here.node.sessions.namespaces.sessions.of_user("ann"))
