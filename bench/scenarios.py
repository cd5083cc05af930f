"""What is measured: two crowds, each connected to a server that has just been started.

A scenario answers figures by name (`FIGURES`). How each of them is measured is of `measuring`.
"""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from bench.measuring import LOAD_SHARE, Contestant, Figures, Scale, at_rest, fan_out, latency, together, warm
from bench.programs import EmitLoad, EmitReport, clients, connect_with_the_stock_client, post
from bench.servers import ServerProcess

NEVER = float("inf")
TOPIC = "deals"
ROOM = f"topic:{TOPIC}"


def in_one_room(contestant: Contestant, folder: Path, scale: Scale) -> Figures:
    """A crowd in one topic: bursts from one caller, from several and in batches, and a paced stream; then events for one user each."""
    burst = EmitLoad(room=ROOM, count=scale.burst_events, extra=contestant.extra)
    in_batches = (
        replace(burst, items=scale.batch_items) if contestant.batches else replace(burst, connections=64)
    )
    paced = EmitLoad(room=ROOM, count=scale.paced_events, rate=scale.paced_rate, extra=contestant.extra)
    with contestant.start(folder) as server:
        topic = [server.target(user, [TOPIC]) for user in range(scale.crowd)]
        with clients(server, topic, folder, *contestant.options) as crowd:
            bursts = {
                "burst, one caller": replace(burst, connections=1),
                "burst, 8 callers": burst,
                "burst, in batches": in_batches,
            }
            fanned_out = [
                fan_out(
                    server,
                    crowd,
                    stream,
                    label=label,
                    readers=scale.crowd,
                    times=scale.bursts,
                    cpu_seconds=scale.burst_cpu_seconds,
                )
                for label, stream in bursts.items()
            ]
            fanned_out.append(fan_out(server, crowd, paced, label="paced", readers=scale.crowd))
        figures = together(fanned_out)
        users = [server.target(user) for user in range(scale.crowd)]
        with clients(server, users, folder, *contestant.options) as crowd:
            return figures | latency(server, crowd, contestant, scale)


def a_room_each(contestant: Contestant, folder: Path, scale: Scale) -> Figures:
    """Many users, each in a room of their own: what it costs to let them in, to keep them, and to reach them."""
    stream = EmitLoad(
        users=scale.users,
        count=scale.batches * scale.batch_items,
        items=scale.batch_items,
        rate=scale.batch_rate,
        extra=contestant.extra,
    )
    if not contestant.batches:
        stream = replace(stream, items=1, rate=scale.batch_rate * scale.batch_items, connections=64)
    figures: Figures = {}
    with contestant.start(folder) as server:
        warm(server, contestant, folder)
        before = server.cost()
        targets = [server.target(user) for user in range(scale.users)]
        with clients(server, targets, folder, *contestant.options) as crowd:
            if contestant.connects:
                after = at_rest(server, seconds=scale.settle_seconds)
                cpu = after.connect_cpu_seconds - before.cpu_seconds
                figures["connects per CPU-second"] = scale.users / max(cpu, 0.01)
                figures["KB per idle connection"] = (after.rss_kb - before.rss_kb) / scale.users
            return figures | fan_out(server, crowd, stream, label="a room each")


def with_stalled_clients(contestant: Contestant, folder: Path, scale: Scale) -> Figures:
    """The crowd again, and then with one in ten that reads no more, half of these still sending PONGs."""
    stalled = scale.crowd // 10
    # Long texts, so that a client that does not read passes the mark within seconds.
    stream = EmitLoad(room=ROOM, count=20 * scale.paced_rate, rate=scale.paced_rate, body_bytes=4000)
    manners = [f"--stalled={stalled // 2}", f"--pongs-only={stalled - stalled // 2}"]
    with contestant.start(folder) as server:
        targets = [server.target(user, [TOPIC]) for user in range(scale.crowd)]
        with clients(server, targets, folder, *contestant.options, *manners) as crowd:
            fan_out(server, crowd, replace(stream, count=scale.paced_rate), label="warm", readers=scale.crowd)
            before = fan_out(server, crowd, stream, label="before", readers=scale.crowd)
            rss_kb = server.cost().rss_kb
            crowd.tell("reset")
            crowd.tell("stall")
            with ThreadPoolExecutor(1) as emitter:
                posting = emitter.submit(post, server, stream)
                gone_seconds = _gone_after_the_mark(server, posting, stalled, scale.crowd - stalled)
                posting.result()
            heard = crowd.await_deliveries(stream.count * (scale.crowd - stalled), within_seconds=60)
            rest = at_rest(server, seconds=scale.settle_seconds)
            return {
                "stalled: p99 ms without": before["before: p99 ms"],
                "stalled: p99 ms with": heard.p99_ms,
                "stalled: gone after the mark, s": gone_seconds,
                "stalled: sockets left too many": server.sockets() - (scale.crowd - stalled),
                "stalled: RSS after, % of before": 100 * rest.rss_kb / rss_kb,
            }


def stock_client_connects(contestant: Contestant, folder: Path, scale: Scale) -> Figures:
    """How long the JavaScript client takes until it is connected, by the transports it is given; one at a time."""
    with contestant.start(folder) as server:
        taken = connect_with_the_stock_client(server, scale.stock_connects)
    return {
        "stock client connects, its default: p50 ms": taken["default"],
        "stock client connects, websocket: p50 ms": taken["websocket"],
        "stock client connects, polling: p50 ms": taken["polling"],
        "stock client connects, frames swallowed: p50 ms": taken["swallowed"],
    }


def _gone_after_the_mark(
    server: ServerProcess, posting: "Future[EmitReport]", stalled: int, left: int
) -> float:
    """The seconds from the first client's passing the mark until the last is gone, from the server and from the kernel."""
    passed = None
    while not posting.done():
        time.sleep(0.05)
        if passed is None and server.metrics()["bellhop_slow_consumers_total"] > 0:
            passed = time.monotonic()
        if passed is not None and server.sockets() <= left:
            found = server.metrics()
            if found["bellhop_connections"] <= left and found["bellhop_slow_consumers_total"] >= stalled:
                return time.monotonic() - passed
    return NEVER


FIGURES = (
    "burst, one caller: deliveries per CPU-second",
    "burst, one caller: p99 ms",
    "burst, 8 callers: deliveries per CPU-second",
    "burst, 8 callers: p99 ms",
    "burst, in batches: deliveries per CPU-second",
    "burst, in batches: p99 ms",
    "paced: deliveries per CPU-second",
    "paced: p99 ms",
    "a room each: deliveries per CPU-second",
    "a room each: p99 ms",
    "connects per CPU-second",
    "KB per idle connection",
    "stock client connects, its default: p50 ms",
    "stock client connects, websocket: p50 ms",
    "stock client connects, polling: p50 ms",
    "stock client connects, frames swallowed: p50 ms",
    "one by one at 500/s: p50 ms",
    "one by one at 500/s: p99 ms",
    "stalled: p99 ms without",
    "stalled: p99 ms with",
    "stalled: gone after the mark, s",
    "stalled: sockets left too many",
    "stalled: RSS after, % of before",
    LOAD_SHARE,
)
SCENARIOS: dict[str, Callable[[Contestant, Path, Scale], Figures]] = {
    "room": in_one_room,
    "users": a_room_each,
    "connect": stock_client_connects,
    "stalled": with_stalled_clients,
}
