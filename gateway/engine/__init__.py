"""The fast, bounded transport under python-socketio.

From the top; each knows only what stands below it:

listening    accepting connections a few at a time: websockets for us, the rest for aiohttp
server       Socket.IO: what is offered to the gateway, and what packets mean
intake       who works on what has come in              draining     sending all away, evenly
entrance     who asks to come into a namespace: a session, or a refusal
requests     handshakes, polls and POSTs that aiohttp has read
engine_io    Engine.IO: who may connect, and what comes in
manager      which sessions there are, and which rooms they are in
heartbeat    pings, and who does not answer them        namespace_session   one connection in one namespace
connection   one client, whatever its transport
inbox        what a client has sent, judged, and waiting for its turn
send_buffer  what a client is owed, and how much that may be
tick         one write per socket and turn              messages     Socket.IO's packets
websocket    frames and their protocol, on a socket of its own
bodies       what comes behind a head, when it is wanted        http      aiohttp's connections, held to bounds
client_socket  a client's socket in the event loop      handshake    what asks for a websocket, and the answer
answers      what a request asks, and the others it gets        packets      what goes out, encoded once
frames       what a websocket sends, taken apart        deadlines    many equal waits on one timer
admission    who may come in, how often, how many at a time     refusals     who was not let in, and why
limits       what each may use                          closing      why a connection ends

python-socketio is kept for what applications know of it: handlers, namespaces, acknowledgements, its packets, and its managers
for a message queue. The price is three subclasses in its shapes, whose overrides are held to the library's by a test.

Everything that goes out passes `SendBuffer.write` or `Tick.fan_out`, which is what keeps it in order; everything that
comes in passes `EngineIO.take`, which is what keeps it bounded.
"""

from gateway.engine.closing import ClosingReason
from gateway.engine.engine_io import EngineIO
from gateway.engine.limits import EngineLimits
from gateway.engine.listening import OWNER_AND_GROUP, PacedSite
from gateway.engine.packets import Packet
from gateway.engine.server import OnOpen, Server
from gateway.engine.stats import EngineStats

__all__ = [
    "OWNER_AND_GROUP",
    "ClosingReason",
    "EngineIO",
    "EngineLimits",
    "EngineStats",
    "OnOpen",
    "PacedSite",
    "Packet",
    "Server",
]
