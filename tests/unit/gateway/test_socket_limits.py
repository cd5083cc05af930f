"""What the engine is given where an operator sets no limit."""

from pathlib import Path

import pytest

from gateway.engine.frames import FrameError, FrameReader
from gateway.ground.origins import Origins
from gateway.process.settings import load
from gateway.sockets.part import server_of
from gateway.sockets.settings import SocketSettings
from tests.support.gateway import environment


async def test_a_message_has_a_megabyte_at_most_where_no_limit_is_set(tmp_path: Path):
    in_force = load(environment(tmp_path, MAX_MESSAGE_BYTES="0"), serving=True)

    server = server_of(in_force[SocketSettings], origins=Origins(("*",)), trusted_proxies=())

    announced = bytes((0x81, 0xFF)) + (1_000_001).to_bytes(8, "big") + bytes(4)
    with pytest.raises(FrameError):
        list(FrameReader(server.limits.max_message_bytes).feed(announced))
