"""What a trace tells, after nodes were killed, and the mail server refused and was away: held against all who know better.

These are the caller, who has the answers; the store's records of mail; the relay, which has what it took; and the clients, each with a record of what it
was given where. Every notification is told by a mail to an address of its own. Sixty every day, a thousand at length.
"""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.faults.digests import PATIENCE_SECONDS, Office, office
from tests.faults.witness import Witness
from tests.support.amounts import amount
from tests.support.gateway import token
from tests.support.smtp import Reply

EVENTS = amount(60, long=1000)
USERS = 12
WATCHED = 6
"""So many of them are connected."""
A_SECOND = 20
READ_SHARE = 3
"""One of so many is read as soon as it is answered, and is not to be mailed."""
REFUSED = EVENTS // 4
"""So many recipients the relay refuses for now: fewer than would make a mail wait long."""
BUSY = Reply("450 4.2.1 the mailbox is busy")
AT_ONCE = 8
"""So many traces are asked for at a time."""
SLACK_SECONDS = 2
"""How far two clocks and what a busy machine takes to hear of a connection's end may lie apart."""


@dataclass(slots=True)
class Told:
    """One notification, as its caller knows it."""

    id: str
    room: str
    seq: int
    read: bool | None = None
    """None: whether it was is not known, since nobody answered."""


@dataclass(slots=True)
class Run:
    here: Office
    witnesses: Sequence[Witness]
    told: dict[int, Told] = field(default_factory=dict)

    async def emit(self, number: int) -> None:
        """Retried under its key until it is answered; then read, or not."""
        user = f"u{number % USERS}"
        body = {
            "to": f"user:{user}", "type": "TRACED", "title": f"traced {number}",
            "email": {"to": address(number), "unless": "read", "after": 2},
        }  # fmt: skip
        answer = await self.here.told("POST", "/internal/emit", body, key=key(number), on=number)
        [place] = answer["notifications"]
        told = self.told[number] = Told(place["id"], place["room"], place["seq"], read=False)
        if number % READ_SHARE == 0:
            told.read = await self._read(user, told.id, on=number)

    async def _read(self, user: str, id_: str, *, on: int) -> bool | None:
        url = self.here.nodes[on % len(self.here.nodes)].gateway.public + "/api/notifications/read"
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
            async with self.here.http.post(
                url, json={"ids": [id_]}, headers={"Authorization": f"Bearer {token(user)}"},
                timeout=aiohttp.ClientTimeout(PATIENCE_SECONDS),
            ) as answer:  # fmt: skip
                return True if answer.status == 200 else None
        return None

    async def emit_all(self) -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(EVENTS):
                group.create_task(self.emit(number))
                await asyncio.sleep(1 / A_SECOND)

    async def reached(self, count: int) -> None:
        """Wait until so many are answered."""
        while len(self.told) < count:
            await asyncio.sleep(0.05)

    async def given(self, *, seconds: float) -> None:
        """Wait until every client has what it is owed."""
        async with asyncio.timeout(seconds):
            while any(self._lacks(witness) for witness in self.witnesses):
                await asyncio.sleep(0.2)

    def _lacks(self, witness: Witness) -> bool:
        room = f"user:{witness.user}"
        return any(
            told.room == room and told.seq not in witness.record.arrived[room] for told in self.told.values()
        )


def address(number: int) -> str:
    return f"t{number}@trace.example.org"


def key(number: int) -> str:
    return f"trace-{number}"


@pytest.mark.timeout(amount(600, long=1800))
async def test_every_trace_agrees_with_the_store_the_relay_and_the_clients(tmp_path: Path, monkeypatch):
    # The machine may have others to serve.
    monkeypatch.setattr("tests.support.gateway.START_SECONDS", 120)
    async with office(tmp_path, nodes=3, workers=0, every=600, lease=6) as here:
        public = [node.gateway.public for node in here.nodes]
        witnesses = [Witness(f"u{number}", public, here.http) for number in range(WATCHED)]
        run = Run(here, witnesses)
        try:
            for number, witness in enumerate(witnesses):
                witness.start(number)
            await asyncio.gather(*(asyncio.wait_for(each.ready.wait(), 40) for each in witnesses))
            here.relay.on("RCPT", *[BUSY] * REFUSED)
            async with asyncio.TaskGroup() as group:
                load = group.create_task(run.emit_all())
                await run.reached(EVENTS // 3)
                await here.nodes[0].kill()
                async with here.relay.away():
                    await run.reached(EVENTS // 2)
                await load
                await here.nodes[0].start()
            assert await here.settled(seconds=amount(120, long=600))
            await run.given(seconds=60)

            wrong = [fault async for fault in _faults(run)]
        finally:
            await asyncio.gather(*(witness.stop() for witness in witnesses))

    assert not wrong, wrong[:20]
    assert len(run.told) == EVENTS
    assert sum(len(witness.record.connections) for witness in witnesses) > WATCHED, "nobody was cut off"


async def _faults(run: Run) -> Any:
    """Where a trace says other than who knows better."""
    copies = Counter(received.recipients[0] for received in run.here.relay.received)
    mails = await _mails(run.here)
    postponed = 0
    for number, trace in await _traces(run):
        told = run.told[number]
        for fault in [
            *_call_faults(number, told, trace),
            *_mail_faults(told, trace, mails[told.id], copies[address(number)]),
            *_client_faults(told, trace, run.witnesses),
        ]:
            yield f"{number}: {fault}; {trace['line']}"
        postponed += len(_points(trace, "postponed"))
    if not postponed:
        yield "no attempt is told that the relay has refused"


async def _traces(run: Run) -> list[tuple[int, Mapping[str, Any]]]:
    """The trace of each, asked of all nodes in turn, a few at a time."""
    few = asyncio.Semaphore(AT_ONCE)

    async def one(number: int, told: Told) -> tuple[int, Mapping[str, Any]]:
        async with few:
            url = f"/internal/notifications/{told.id}/trace"
            return number, await run.here.told("GET", url, on=number)

    return await asyncio.gather(*(one(number, told) for number, told in run.told.items()))


def _call_faults(number: int, told: Told, trace: Mapping[str, Any]) -> Any:
    call, kept = trace["call"], trace["notification"]
    if (call["by"], call["idempotency_key"]) != ("shop", key(number)):
        yield f"the call is told as {call}"
    if (kept["room"], kept["seq"]) != (told.room, told.seq):
        yield "it is told in another place than was answered"
    if [point["detail"] for point in _points(trace, "stored")] != [f"{told.room} #{told.seq}"]:
        yield "it is not told as stored once"
    if told.read is not None and len(_points(trace, "read")) != int(told.read):
        yield f"read is {told.read}, and told otherwise"


def _mail_faults(told: Told, trace: Mapping[str, Any], record: Mapping[str, Any], copies: int) -> Any:
    [mail] = trace["mails"]
    if (mail["state"], mail["attempts"]) != (record["state"], record["attempts"]):
        yield f"the mail is told as {mail['state']}, and kept as {record['state']}"
    [end] = [*_points(trace, "sent"), *_points(trace, "skipped")] or [None]
    if end is None or end["what"] != record["state"]:
        yield f"the mail's end is told as {end}"
    elif end["what"] == "sent" and not copies:
        yield "the mail is told as sent, and the relay has none"
    elif end["what"] == "skipped" and not _points(trace, "read"):
        yield "the mail is told as skipped, and nobody has read it"
    # Whoever was read in time is not mailed; who was read while the mail was on its way may have a copy.
    if told.read is False and not copies:
        yield "nobody has read it, and the relay has no copy"
    refused = _points(trace, "postponed")
    if any(point["code"] not in (450, None) for point in refused):
        yield "the relay's word is told as another"


def _client_faults(told: Told, trace: Mapping[str, Any], witnesses: Sequence[Witness]) -> Any:
    witness = next((each for each in witnesses if f"user:{each.user}" == told.room), None)
    written = _points(trace, "written")
    if witness is None:
        if written:
            yield "it is told as written, and nobody was there"
        return
    for point in written:
        if not _was_at(witness, int(point["by"].rpartition("-")[2]), _seconds(point["at"])):
            yield "it is told as written where its reader was not"
    here = [view for view in trace["nodes"] if view["here"]]
    if len(here) != 1 or not here[0]["has_come"]:
        yield f"its reader has had it, and the nodes say {trace['nodes']}"


def _was_at(witness: Witness, node: int, at: float) -> bool:
    return any(
        stay.node % len(witness._urls) == node
        and stay.since - SLACK_SECONDS <= at <= (stay.until or time.time()) + SLACK_SECONDS
        for stay in witness.stays
    )


def _points(trace: Mapping[str, Any], what: str) -> list[Any]:
    return [point for point in trace["line"] if point["what"] == what]


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


async def _mails(here: Office) -> dict[str, Any]:
    """What the store keeps of each mail, by its notification's id."""
    found: dict[str, Any] = {}
    before = ""
    while True:
        page = await here.told("GET", f"/internal/mail?limit=200{before}")
        found |= {each["id"]: each["mail"] for each in page["mail"]}
        if page["next"] is None:
            return found
        before = f"&before={page['next']}"
