"""The bench of each test."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mailer.relay import Relay
from mailer.smtp import SMTPTransport
from storage.sqlite import SQLiteStore
from tests.support.authority import Authority
from tests.support.smtp import SMTPRelay
from tests.unit.mailer.worker.bench import STEP_SECONDS, Bench, Clock, Faulty


@pytest.fixture
async def bench(tmp_path: Path, authority: Authority) -> AsyncIterator[Bench]:
    store = SQLiteStore(tmp_path / "store.db")
    await store.open()
    async with SMTPRelay(authority, login=("ann", "secret")) as relay:
        transport = SMTPTransport(Relay.from_url(relay.url(user="ann:secret"), step_seconds=STEP_SECONDS))
        made = Bench(
            store=store,
            outbox=Faulty(store.outbox, store.inboxes),
            relay=relay,
            clock=Clock(),
            transport=transport,
        )
        yield made
        for worker, task in made.workers:
            await worker.drain(seconds=0)
            await asyncio.wait({task})
        await transport.close()
    await store.close()
