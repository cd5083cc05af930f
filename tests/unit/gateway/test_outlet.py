"""Standard output and error: whoever writes never waits for whoever reads."""

import io
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from gateway.process.outlet import ENTRY_BYTES, Outlet

LONG = 30


@dataclass
class Pipe:
    """A pipe that is full, and nobody reads."""

    reader: int
    writer: int
    filled: int = 0
    told: list[int] = field(default_factory=list)
    telling: threading.Event = field(default_factory=threading.Event)

    def tell(self, lines: int) -> None:
        self.told.append(lines)
        self.telling.set()

    def outlet(self, *, queue_bytes: int = 10_000) -> Outlet:
        return Outlet(self.writer, tell=self.tell, queue_bytes=queue_bytes)

    def read(self, size: int) -> bytes:
        """`size` bytes of what was written into it after it was full."""
        text = b""
        while len(text) < self.filled + size:
            text += os.read(self.reader, 65536)
        return text[self.filled :]


@pytest.fixture
def full() -> Iterator[Pipe]:
    pipe = Pipe(*os.pipe())
    os.set_blocking(pipe.writer, False)
    for size in (4096, 1):
        try:
            while True:
                pipe.filled += os.write(pipe.writer, b"x" * size)
        except BlockingIOError:
            pass
    os.set_blocking(pipe.writer, True)
    yield pipe
    # What still waits to write hears of it that nobody will ever read.
    os.close(pipe.reader)


def test_writes_return_though_nobody_reads_and_all_arrives_in_order_when_somebody_does(full: Pipe):
    outlet = full.outlet()
    lines = [f"line {number}\n".encode() for number in range(20)]

    for line in lines:
        assert outlet.write(line) == len(line)
    stuck = outlet.drain(0)
    arrived = full.read(sum(map(len, lines)))

    assert not stuck
    assert arrived == b"".join(lines)
    assert outlet.drain(LONG)
    assert outlet.dropped == 0


@pytest.mark.parametrize("writable", [True, False], ids=["pipe that blocks", "pipe that does not"])
def test_what_does_not_fit_is_dropped_as_whole_lines_counted_and_told_once(full: Pipe, writable: bool):
    os.set_blocking(full.writer, writable)
    line = b"a line of the log\n"
    outlet = full.outlet(queue_bytes=10 * (len(line) + ENTRY_BYTES))

    for _ in range(50):
        outlet.write(line)
    outlet.write(b"two\nlines, and a part")
    before = outlet.dropped
    arrived = full.read(10 * len(line))
    assert full.telling.wait(LONG)

    assert before == 40 + 1
    assert arrived == 10 * line
    assert full.told == [41]


def test_a_flood_of_empty_lines_is_bounded_too(full: Pipe):
    outlet = full.outlet(queue_bytes=10_000)

    for _ in range(100_000):
        outlet.write(b"\n")

    assert outlet.dropped >= 100_000 - 10_000 / ENTRY_BYTES


def test_a_reader_that_has_gone_costs_the_lines_and_nothing_else():
    reader, writer = os.pipe()
    os.close(reader)
    outlet = Outlet(writer, tell=lambda _: None)

    outlet.write(b"one\n")
    outlet.write(b"two\n")

    assert outlet.drain(LONG)
    assert outlet.dropped == 2
    os.close(writer)


def test_what_is_printed_leaves_line_by_line(full: Pipe):
    text = io.TextIOWrapper(full.outlet(), encoding="ascii", errors="backslashreplace", line_buffering=True)

    print("eins", "zwei", file=text)
    print("drei ü", file=text)

    assert full.read(len("eins zwei\ndrei \\xfc\n")) == b"eins zwei\ndrei \\xfc\n"
