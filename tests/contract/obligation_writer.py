"""A process that, until it is killed, owes a mail beside a notification, appends that with its own mail, and prints its id."""

import asyncio
import sys

from storage.connect import connect
from storage.obligations import Kind, Obligation, Subject
from tests.contract.store_cases import emission, mail, notification


async def write(url: str) -> None:
    store = connect(url)
    await store.open()
    while True:
        told = notification("user:1", mail=mail())
        beside = Obligation(
            id=f"{told.id}-2", of=Subject(kind=Kind.NOTIFICATION, id=told.id), mail=mail("other@example.org")
        )
        await store.outbox.owe([beside])
        await store.streams.append([emission(told)])
        sys.stdout.write(f"{told.id}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(write(sys.argv[1]))
