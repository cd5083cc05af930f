"""UUIDv7 as RFC 9562 has it, and rising without exception."""

import threading
import uuid

from storage.ids import UUID7Source, uuid7


def test_an_id_is_a_version_7_uuid_of_its_millisecond():
    source = UUID7Source(clock=lambda: 1_645_557_742_000_999_999)

    made = uuid.UUID(source())

    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert made.int >> 80 == 1_645_557_742_000
    assert str(made) == str(uuid.UUID(str(made)))


def test_ids_rise_within_a_millisecond_and_past_the_end_of_the_counter():
    source = UUID7Source(clock=lambda: 0)

    made = [source() for _ in range(10_000)]

    assert made == sorted(set(made))
    assert uuid.UUID(made[-1]).int >> 80 > 0


def test_ids_that_are_made_together_rise_among_those_that_are_not():
    milliseconds = iter([1, 1, 1, 2, 2, 2])
    source = UUID7Source(clock=lambda: next(milliseconds) * 1_000_000)

    made = [source(), *source.many(5_000), source(), *source.many(300), source()]

    assert made == sorted(set(made))
    assert {uuid.UUID(each).version for each in made} == {7}
    assert source.many(0) == []


def test_ids_rise_when_the_clock_steps_back():
    times = iter([5_000_000_000, 1_000_000_000, 1_000_000_000, 6_000_000_000])
    source = UUID7Source(clock=lambda: next(times))

    made = [source() for _ in range(4)]

    assert made == sorted(set(made))
    assert uuid.UUID(made[-1]).int >> 80 == 6_000


def test_ids_of_many_threads_are_distinct_and_rise_in_each():
    made: list[list[str]] = [[] for _ in range(4)]

    def make(into):
        into.extend(uuid7() for _ in range(2_000))

    threads = [threading.Thread(target=make, args=(into,)) for into in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert all(into == sorted(into) for into in made)
    assert len({i for into in made for i in into}) == 8_000
