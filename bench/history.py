"""What readers ask of a large store: pages of a history, the unread count, openings with a replay (`make bench-history`).

A store is filled through its shelf, 10,000 notifications a room, and measured when it holds 10,000, 100,000 and a million of them; at
last one room has 100,000. Each time a gateway is started on it and asked 500 times a second, evenly whatever it answers, by
the rooms' users in turn: over HTTP for a page of 20, as it is, of what is unread, and of a type that one in 5,000 is of, and by websockets
that open with nothing missed and with 50. Latency runs from when it was due to its answer, or to `ready`. A store takes
about 700 MB of the disk's temporary folder, and is removed at the end.
"""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

from bench import machine
from bench.backing import STORES
from bench.command import BenchCommand, run
from bench.programs import Questions, ask, clients
from bench.servers import ServerProcess, bellhop, cost, token
from storage.connect import connect
from storage.ids import UUID7Source
from storage.inboxes import Selection
from storage.notifications import Notification
from storage.store import Store
from storage.streams import Emission

RESULTS = Path(__file__).parent / "RESULTS-history.md"
BATCH = 1000
TYPES = 40
RARE, RARE_IN = "GIFT_RECEIVED", 5000
"""The type that a filter is to match little of, and of how many one is of it."""
READ_IN = 100
"""Of so many one was read by itself: a receipt."""
RATE = 500
MISSED = 50
PROGRESS_SECONDS = 5
IDS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is in the store, and in the room of each who asks."""

    stored: int
    room: int
    large_rooms: int = 0
    """So many rooms have `room`, and are those that are asked for; 0: all have it."""


ROOM = 10_000
SIZES = (
    Size(stored=10_000, room=ROOM),
    Size(stored=100_000, room=ROOM),
    Size(stored=1_000_000, room=ROOM),
    Size(stored=1_090_000, room=100_000, large_rooms=1),
)
QUICK_SIZES = (Size(stored=2000, room=1000), Size(stored=6000, room=5000, large_rooms=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """CPU in milliseconds for each that was asked."""

    p50_ms: float
    p99_ms: float
    gateway_ms: float
    store_ms: float
    refused: int
    """How many were answered that it is too much, or not at all."""


class Filler:
    """Fills rooms in turn, so that what belongs together lies apart as it does where people wait for it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._stored = 0
        self._of_room: dict[int, int] = {}
        self._moment = datetime.now(UTC) - timedelta(days=30)
        self._ids = UUID7Source(lambda: int(self._moment.timestamp() * 1e9))

    async def bring_to(self, size: Size) -> dict[int, int]:
        """Bring the store to its size; answers who is to ask, and the heads of their rooms."""
        store = connect(self._url)
        await store.open()
        try:
            room_count = size.large_rooms or max(1, size.stored // size.room)
            growing = [room for room in range(room_count) if self._of_room.get(room, 0) < size.room]
            await self._fill(store, size.stored, growing)
            names = {room: f"user:{room}" for room in range(room_count)}
            heads = await store.streams.heads(list(names.values()))
            return {room: heads[name] for room, name in names.items()}
        finally:
            await store.close()

    async def _fill(self, store: Store, stored: int, rooms: Sequence[int]) -> None:
        began = told = time.monotonic()
        read: dict[int, list[str]] = {}
        while self._stored < stored:
            emissions = []
            for place in range(min(BATCH, stored - self._stored)):
                notification = self._notification(room := rooms[(self._stored + place) % len(rooms)])
                if self._of_room[room] % READ_IN == 0:
                    read.setdefault(room, []).append(notification.id)
                emissions.append(Emission(notifications=(notification,)))
            await store.streams.append(emissions)
            self._stored += len(emissions)
            if time.monotonic() > told + PROGRESS_SECONDS:
                told = time.monotonic()
                print(f"  {self._stored:,} of {stored:,} stored", file=sys.stderr)
        for room, ids in read.items():
            for first in range(0, len(ids), IDS_AT_ONCE):
                some = ids[first : first + IDS_AT_ONCE]
                await store.inboxes.read(Selection(str(room), [f"user:{room}"], some, now=self._moment))
        print(f"  filled in {time.monotonic() - began:.0f} s", file=sys.stderr)

    def _notification(self, room: int) -> Notification:
        self._of_room[room] = place = self._of_room.get(room, 0) + 1
        self._moment += timedelta(milliseconds=2)
        return Notification(
            id=self._ids(),
            room=f"user:{room}",
            type=RARE if place % RARE_IN == RARE_IN // 2 else f"TYPE_{place % TYPES}",
            title="Your order has shipped",
            body="Order 1234 left our warehouse this morning.",
            link="/orders/1234",
            data={"order": place},
            created_at=self._moment,
        )


PAGES = {
    "page of 20": {},
    "page of 20, unread alone": {"unread": "true"},
    "page of 20, of a type that one in 40 is of": {"type": "TYPE_7"},
    f"page of 20, of a type that one in {RARE_IN:,} is of": {"type": RARE},
}
OPENINGS = {"opening, nothing missed: heads and unread count": 0, f"opening, a replay of {MISSED}": MISSED}


class Asking:
    """Measures one gateway, whose store has its pid if it is a process of its own."""

    def __init__(self, gateway: ServerProcess, store_pid: int | None, folder: Path, seconds: float) -> None:
        self._gateway = gateway
        self._store_pid = store_pid
        self._folder = folder
        self._count = int(RATE * seconds)

    def pages(self, users: Sequence[int], query: dict[str, str]) -> Answered:
        path = f"/api/notifications?{urlencode({'limit': '20', **query})}"
        lines = [f"{path}\t{token(user)}" for user in users]
        file = self._folder / "questions"
        file.write_text("".join(f"{line}\n" for line in lines))
        ask(self._gateway, Questions(file=file, count=max(20, len(lines)), rate=RATE / 10))
        before = self._cpu()
        asked = ask(self._gateway, Questions(file=file, count=self._count, rate=RATE))
        return self._answered((asked.p50_ms, asked.p99_ms), before, refused=asked.refused)

    def openings(self, heads: dict[int, int], missed: int) -> Answered:
        users = list(heads)

        def targets(count: int) -> list[str]:
            asking = (users[number % len(users)] for number in range(count))
            return [
                f'{self._gateway.target(user)}\t"since":{{"user:{user}":{heads[user] - missed}}}'
                for user in asking
            ]

        options = ("--ready", "--leave", "--addresses=4")
        with clients(self._gateway, targets(50), self._folder, *options):
            pass
        before = self._cpu()
        with clients(self._gateway, targets(self._count), self._folder, *options, f"--rate={RATE}") as crowd:
            heard = crowd.connected
            if heard.deliveries != missed * self._count:
                raise RuntimeError(f"{heard.deliveries} were replayed instead of {missed * self._count}")
            return self._answered((heard.connect_p50_ms, heard.connect_p99_ms), before)

    def _cpu(self) -> tuple[float, float]:
        store = cost(self._store_pid).cpu_seconds if self._store_pid else 0.0
        return self._gateway.cost().cpu_seconds, store

    def _answered(
        self, millis: tuple[float, float], before: tuple[float, float], *, refused: int = 0
    ) -> Answered:
        gateway, store = (
            1000 * (after - begun) / self._count for after, begun in zip(self._cpu(), before, strict=True)
        )
        p50, p99 = millis
        return Answered(p50_ms=p50, p99_ms=p99, gateway_ms=gateway, store_ms=store, refused=refused)


Found = dict[str, dict[str, Answered]]
"""By what was asked, and by the size."""


def measure(name: str, sizes: Sequence[Size], seconds: float) -> Found:
    found: Found = {}
    with (
        tempfile.TemporaryDirectory(prefix="bellhop-bench-") as text,
        STORES[name](Path(text)) as backing,
    ):
        folder = Path(text)
        filler = Filler(backing.url)
        for size in sizes:
            print(f"{name}, {_size(size)}:", file=sys.stderr)
            heads = asyncio.run(filler.bring_to(size))
            with bellhop(folder, store_url=backing.url) as gateway:
                asking = Asking(gateway, backing.pid, folder, seconds)
                answers = {what: asking.pages(list(heads), query) for what, query in PAGES.items()}
                answers |= {what: asking.openings(heads, missed) for what, missed in OPENINGS.items()}
            for what, answered in answers.items():
                found.setdefault(what, {})[_size(size)] = answered
                print(f"  {what}: {_cell(answered)}", file=sys.stderr)
    return found


def _size(size: Size) -> str:
    return f"{size.stored:,} stored, {size.room:,} in the room"


def _cell(answered: Answered) -> str:
    refused = f" ({answered.refused} refused)" if answered.refused else ""
    return f"{answered.p50_ms:.1f} / {answered.p99_ms:.1f}{refused}"


def table(name: str, found: Found, sizes: Sequence[Size]) -> str:
    """p50 and p99, and of the largest what each took of which CPU, as Markdown."""
    of_store = name == "mongodb"
    heads = [*map(_size, sizes), "CPU ms of the gateway", *(["CPU ms of mongod"] if of_store else [])]
    lines = [f"| {name}: p50 / p99 ms | " + " | ".join(heads) + " |", "|---|" + "---:|" * len(heads)]
    for what, by_size in found.items():
        cells = [_cell(by_size[_size(size)]) for size in sizes]
        last = by_size[_size(sizes[-1])]
        cells += [f"{last.gateway_ms:.2f}", *([f"{last.store_ms:.2f}"] if of_store else [])]
        lines.append(f"| {what} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def results(tables: Sequence[str], *, command: str, seconds: float, load: float) -> str:
    shown = "\n\n".join(tables)
    return f"""# Results of reading

Made by `{command}` on {datetime.now(UTC):%Y-%m-%d}.

{shown}

- Machine: {machine.description()}; the load average before the run was {load:.1f}. Gateway, store and load client share it.
- Each row is {RATE} a second for {seconds:.0f} seconds, evenly, over HTTP with the reader's token, or by a websocket each; latency runs from when
  it was due. The rooms' users ask in turn; each was asked for once before.
- The CPU is of the last column of sizes, for each that was asked. What SQLite takes is in the gateway's.
- There are {TYPES} types beside the rare one, and each user has read one in {READ_IN} by itself.
"""


def main() -> None:
    command = BenchCommand("bench-history", __doc__, rounds=1, results=RESULTS)
    command.choice("--stores", STORES)
    command.number("--seconds", 4)
    options = command.parse()
    machine.raise_file_limit()
    load = os.getloadavg()[0]
    seconds, sizes = (0.5, QUICK_SIZES) if options.quick else (options.seconds, SIZES)
    tables = [table(name, measure(name, sizes, seconds), sizes) for name in options.stores.split(",")]
    command.tell(results(tables, command=command.line, seconds=seconds, load=load), options)


if __name__ == "__main__":
    run(main)
