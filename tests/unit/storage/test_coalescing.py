"""Batches of what is in no hurry."""

import asyncio
from collections.abc import Sequence

from storage.coalescing import Coalescer


async def test_what_comes_while_a_batch_is_gathered_is_of_it() -> None:
    batches: list[list[int]] = []

    async def run(requests: list[int]) -> Sequence[int | Exception]:
        batches.append(requests)
        return requests

    gathering: Coalescer[int, int] = Coalescer(
        run, name="gathered", batch_weight=10, queue_weight=10, gather_seconds=0.5
    )
    first = asyncio.create_task(gathering.ask(1))
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert await gathering.ask(2) == 2
    assert await first == 1
    assert batches == [[1, 2]]

    last = gathering.submit([3])
    await gathering.close()
    assert batches[1:] == [[3]]
    assert await last[0] == 3
