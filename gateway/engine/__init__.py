"""The fast, bounded transport under python-socketio.

server      Socket.IO: handlers, sessions let in and ended, what `Server` offers to the gateway
manager     which sessions there are, and which rooms they are in
transport   Engine.IO: handshakes, polls, upgrades, heartbeat, what comes in
connection  one client: its outbox and its bounds, whatever its transport
listening   accepting connections a few at a time: websockets for us, the rest for aiohttp
http        aiohttp's connections, held to bounds    bodies     what comes behind a head, when it is wanted
handshake   what asks for a websocket, and the answer
websocket   frames and their protocol, on a socket of its own
stream      that socket in the event loop
frames      what a websocket sends, taken apart      packets    what goes out, encoded once
tick        one write per socket and tick            deadlines  many equal waits on one timer
admission   who may come in, how many at a time       refusals   who was not let in, and why
limits      what each may use                        closing    why a connection ends

Everything that goes out passes `Connection.write` or `Tick.fan_out`, which is what keeps it in order; everything that
comes in passes `Transport.take`, which is what keeps it bounded.
"""

from gateway.engine.closing import Reason
from gateway.engine.limits import EngineLimits
from gateway.engine.listening import OWNER_AND_GROUP, PacedSite, Websockets
from gateway.engine.packets import Packet
from gateway.engine.server import OnOpen, Server
from gateway.engine.stats import Stats

__all__ = [
    "OWNER_AND_GROUP",
    "EngineLimits",
    "OnOpen",
    "PacedSite",
    "Packet",
    "Reason",
    "Server",
    "Stats",
    "Websockets",
]
