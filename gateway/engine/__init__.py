"""The fast, bounded transport under python-socketio."""

from gateway.engine.closing import Reason
from gateway.engine.limits import EngineLimits
from gateway.engine.listening import PacedSite
from gateway.engine.packets import Packet
from gateway.engine.server import KEEP_ALIVE_SECONDS, OnOpen, Server
from gateway.engine.stats import Stats

__all__ = ["KEEP_ALIVE_SECONDS", "EngineLimits", "OnOpen", "PacedSite", "Packet", "Reason", "Server", "Stats"]
