"""The fast, bounded transport under python-socketio."""

from gateway.engine.closing import Reason
from gateway.engine.limits import EngineLimits
from gateway.engine.packets import Packet
from gateway.engine.server import Server, Stats

__all__ = ["EngineLimits", "Packet", "Reason", "Server", "Stats"]
