"""Messages: Socket.IO's packets as the server sends them, encoded.

The kinds are those of Socket.IO's protocol, revision 5, as python-socketio names them.
"""

import functools
import json
from typing import Any

from socketio import packet as sio

from gateway.engine.closing import ClosingReason
from gateway.engine.packets import Packet


def message(kind: int, namespace: str, data: Any = None, number: int | None = None) -> Packet:
    """A packet of this kind; `number` is that of the acknowledgement which it asks for, or is."""
    return Packet.encoded(sio.Packet(kind, namespace=namespace, data=data, id=number).encode())


def welcome(namespace: str, sid: str) -> Packet:
    """The answer to a CONNECT that let its client in."""
    prefix = "" if namespace == "/" else namespace + ","
    return Packet.of(f'40{prefix}{{"sid":"{sid}"}}'.encode())


@functools.lru_cache(maxsize=256)
def closing(namespace: str, reason: ClosingReason, retry_after: float | None) -> Packet:
    """The event that says why a session ends, and what its client should do next."""
    payload = {"reason": reason, "reconnect": reason.reconnect, "retry_after": retry_after}
    return Packet.event(namespace, json.dumps(["closing", payload], separators=(",", ":")).encode())
