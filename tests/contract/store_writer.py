"""A process that appends batches to rooms and prints what was answered: `id/room/seq` each, a line per batch."""

import asyncio
import sys
from datetime import UTC, datetime

from storage.connect import connect
from storage.errors import StoreUnavailable
from storage.ids import uuid7
from storage.notifications import Collapse, Notification
from storage.streams import Appended, Emission

BATCH = 5


async def write(url: str, count: int, collapse_key: str, rooms: list[str]) -> None:
    store = connect(url)
    await store.open()
    for number in range(count):
        emissions = [
            Emission(
                notifications=(
                    Notification(
                        id=uuid7(),
                        room=rooms[(number + index) % len(rooms)],
                        type="LOAD",
                        title=str(number),
                        created_at=datetime.now(UTC),
                        data={},
                        collapse=Collapse(collapse_key) if collapse_key else None,
                    ),
                )
            )
            for index in range(BATCH)
        ]
        while True:
            try:
                answers = await store.streams.append(emissions)
            except StoreUnavailable:
                continue  # Under the same ids: what was stored is answered as a duplicate.
            break
        stored = [n for answer in answers if isinstance(answer, Appended) for n in answer.notifications]
        sys.stdout.write(" ".join(f"{n.id}/{n.room}/{n.seq}" for n in stored) + "\n")
        sys.stdout.flush()
    await store.close()


if __name__ == "__main__":
    asyncio.run(write(sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4:]))
