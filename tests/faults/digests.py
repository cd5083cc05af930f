"""Events that are gathered into digests while everything fails in turn, and what of them is told where.

Each event is known by its title, and each user is mailed at an address of their own: so what the relay has got, what the records say, and
what the store keeps of digests can be held against one another.
"""

import asyncio
import contextlib
import re
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import aiohttp
from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError

from storage.encoding import moment
from tests.support import servers
from tests.support.gateway import API_KEY, GatewayProcess, token
from tests.support.smtp import Received, SMTPRelay

CATALOG = """
default_locale = "en"

[categories.talk]
name = {{ en = "Talk" }}

[types.EVENT]
category = "talk"
channels = {{ in_app = true, email = true }}
digest = {{ every = "{every}s" }}
"""
CALLERS = 32
PATIENCE_SECONDS = 10
GIVE_UP_SECONDS = 600
READ_SHARE = 7
"""One of so many is read by its user as soon as it is answered."""
DECIDED_TO_WRITTEN = timedelta(seconds=20)
"""How long a mail may take, with the store hardly there and the machine busy, from its decision to its place in a digest."""
_EVENT = re.compile(r"\bevent-(\d+)\b")


@dataclass(slots=True)
class Verdict:
    """What became of all events."""

    answered: int = 0
    merged: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    """By rule."""
    mails: int = 0
    """By their Message-IDs."""
    repeats: int = 0
    """Under a Message-ID that had come before."""
    seconds: float = 0
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        out = ", ".join(f"{count} by {rule}" for rule, count in sorted(self.left_out.items())) or "none"
        return (
            f"{self.answered} events answered, {self.merged} told in {self.mails} mails, left out: {out}; "
            f"{self.repeats} repeats; {self.seconds:.0f} s"
        )


@dataclass(slots=True)
class Office:
    """Nodes and mail workers on one store, and a relay that remembers."""

    mongod: servers.Server
    redis: servers.Server
    relay: SMTPRelay
    nodes: Sequence[GatewayProcess]
    workers: Sequence[GatewayProcess]
    http: aiohttp.ClientSession
    store_url: str
    ids: dict[int, str] = field(default_factory=dict)
    """Of the notification of each event that was answered."""
    given_up: int = 0

    async def told(
        self, method: str, path: str, body: Any = None, *, key: str | None = None, on: int = 0
    ) -> Any:
        """An answer of 2xx, however often it has to be asked for; of whichever node is there."""
        headers = {"Authorization": f"Bearer {API_KEY}"} | ({} if key is None else {"Idempotency-Key": key})
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while time.monotonic() < deadline:
            url = self.nodes[on % len(self.nodes)].gateway.internal
            with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
                async with self.http.request(
                    method, url + path, json=body, headers=headers,
                    timeout=aiohttp.ClientTimeout(PATIENCE_SECONDS),
                ) as answer:  # fmt: skip
                    if answer.status < 300:
                        return await answer.json()
            on += 1
            await asyncio.sleep(0.2)
        raise TimeoutError(f"{method} {path} was not answered")

    async def introduce(self, users: int) -> None:
        """Have the addresses of all users known."""
        known = [{"user": f"u{n}", "email": address(n)} for n in range(users)]
        await self.told("POST", "/internal/users/batch", {"users": known})

    async def emit(self, numbers: range, users: int, *, seconds: float) -> None:
        """These events, spread over the time; each is tried until it is answered, and some are read at once."""
        callers = asyncio.Semaphore(CALLERS)
        began = time.monotonic()

        async def one(number: int) -> None:
            async with callers:
                body = {"to": f"user:u{number % users}", "type": "EVENT", "title": f"event-{number}"}
                try:
                    answer = await self.told("POST", "/internal/emit", body, key=f"event-{number}", on=number)
                except TimeoutError:
                    self.given_up += 1
                    return
                self.ids[number] = answer["notifications"][0]["id"]
                if number % READ_SHARE == 0:
                    await self._read(number, users)

        tasks = []
        for place, number in enumerate(numbers):
            tasks.append(asyncio.create_task(one(number)))
            ahead = began + seconds * place / len(numbers) - time.monotonic()
            if ahead > 0:
                await asyncio.sleep(ahead)
        await asyncio.gather(*tasks)

    async def _read(self, number: int, users: int) -> None:
        """As its user would; whoever is not heard has not read it."""
        url = self.nodes[number % len(self.nodes)].gateway.public + "/api/notifications/read"
        headers = {"Authorization": f"Bearer {token(f'u{number % users}')}"}
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
            async with self.http.post(
                url, json={"ids": [self.ids[number]]}, headers=headers,
                timeout=aiohttp.ClientTimeout(PATIENCE_SECONDS),
            ):  # fmt: skip
                pass

    async def store_is_back(self) -> None:
        async with AsyncMongoClient(self.mongod.url) as admin:
            while True:
                with contextlib.suppress(PyMongoError):
                    if (await admin.admin.command("hello")).get("isWritablePrimary"):
                        return
                await asyncio.sleep(0.1)

    async def settled(self, *, seconds: float) -> bool:
        """Wait until nothing is owed, and nothing is gathered; False when the time is over first."""
        deadline = time.monotonic() + seconds
        calm = 0
        while calm < 2 and time.monotonic() < deadline:
            owed = [
                (await self.told("GET", f"/internal/mail?state={state}&limit=1"))["mail"]
                for state in ("pending", "leased", "gathered", "pending", "leased")
            ]
            calm = 0 if any(owed) else calm + 1
            await asyncio.sleep(0.5)
        return calm == 2

    async def records(self) -> dict[str, Any]:
        """The mail of every event, by its notification's id."""
        found: dict[str, Any] = {}
        for state in ("merged", "skipped", "sent", "dead"):
            before = ""
            while True:
                page = await self.told("GET", f"/internal/mail?state={state}&limit=200{before}")
                found |= {each["id"]: each["mail"] for each in page["mail"] if each["type"] == "EVENT"}
                if page["next"] is None:
                    break
                before = f"&before={page['next']}"
        return found

    async def digests(self) -> list[Any]:
        """What the store keeps of all digests."""
        async with AsyncMongoClient(self.store_url) as client:
            return await client.get_default_database()["digests"].find().sort("opened_at").to_list()


def address(user: int) -> str:
    return f"u{user}@digests.example.org"


@asynccontextmanager
async def office(
    folder: Path, *, nodes: int, workers: int, every: float, lease: float = 15
) -> AsyncIterator[Office]:
    """Real MongoDB, Redis and nodes, each of which may be ended at any time."""
    (folder / "catalog").mkdir()
    (folder / "catalog" / "catalog.toml").write_text(CATALOG.format(every=f"{every:g}"), encoding="utf-8")
    with ExitStack() as machines:
        mongod = machines.enter_context(servers.mongod())
        redis = machines.enter_context(servers.redis())
        head, _, query = mongod.url.partition("?")
        store_url = f"{head}digests?{query}"
        async with AsyncExitStack() as stack:
            relay = await stack.enter_async_context(SMTPRelay())
            settings = {
                "STORE_URL": store_url, "BUS_URL": redis.url, "CATALOG": str(folder / "catalog"),
                "MAIL_URL": relay.url(query="starttls=never"), "MAIL_LEASE": f"{lease:g}s", "MAIL_RETRY": "0.5s",
                "LOG_LEVEL": "warning", "DRAIN_SECONDS": "5",
            }  # fmt: skip
            processes = [
                GatewayProcess(
                    folder / f"{command}-{number}", command=command, NODE_ID=f"{command}-{number}", **settings
                )
                for command, count in (("serve", nodes), ("mail", workers))
                for number in range(count)
            ]
            for process in processes:
                process.log.parent.mkdir()
                stack.push_async_callback(process.close)
            for process in processes:
                # One after the other: on a busy machine four at once take longer than each has.
                await process.start()
            http = await stack.enter_async_context(aiohttp.ClientSession())
            yield Office(
                mongod=mongod, redis=redis, relay=relay, nodes=processes[:nodes], workers=processes[nodes:],
                http=http, store_url=store_url,
            )  # fmt: skip


async def suffer(
    here: Office,
    *,
    events: int,
    users: int,
    seconds: float,
    faults: Sequence[Callable[[Office], Awaitable[None]]],
) -> Verdict:
    """Emit, inflict the faults one after the other, wait until all has come to an end, and judge.

    However long a fault takes, events come meanwhile: each has its share of them.
    """
    began = time.monotonic()
    await here.introduce(users)
    share = -(-events // len(faults))
    for place, fault in enumerate(faults):
        numbers = range(place * share, min(events, (place + 1) * share))
        async with asyncio.TaskGroup() as group:
            group.create_task(here.emit(numbers, users, seconds=seconds / len(faults)), name="events")
            await asyncio.sleep(seconds / len(faults) / 3)
            await fault(here)
    settled = await here.settled(seconds=300)
    verdict = await judge(here)
    verdict.seconds = time.monotonic() - began
    if not settled:
        verdict.wrong.append("something is owed still")
    if here.given_up:
        verdict.wrong.append(f"{here.given_up} events were not answered")
    return verdict


async def judge(here: Office) -> Verdict:
    """Hold what the records say against what the relay got, and against the digests."""
    verdict = Verdict(answered=len(here.ids))
    letters: dict[str, list[Received]] = defaultdict(list)
    listed: dict[int, set[str]] = defaultdict(set)
    for received in here.relay.received:
        letter = message_from_bytes(received.content, policy=policy.default)
        id_ = str(letter["Message-ID"]).strip("<>").partition("@")[0]
        letters[id_].append(received)
        body = letter.get_body(("plain",))  # type: ignore[attr-defined]  # by its policy it has one
        for number in _EVENT.findall(body.get_content()):
            listed[int(number)].add(id_)
    verdict.mails = len(letters)
    verdict.repeats = sum(len(copies) - 1 for copies in letters.values())
    for id_, copies in letters.items():
        if len({(copy.content, copy.recipients) for copy in copies}) > 1:
            verdict.wrong.append(f"digest {id_} was repeated as another")
    _hold_events(verdict, here, await here.records(), listed)
    _hold_windows(verdict, await here.digests(), letters)
    return verdict


def _hold_events(
    verdict: Verdict, here: Office, records: dict[str, Any], listed: dict[int, set[str]]
) -> None:
    """Every event is in exactly one mail, or was decided away with a rule."""
    for number, id_ in here.ids.items():
        mail = records.get(id_)
        state = None if mail is None else mail["state"]
        if state == "merged":
            verdict.merged += 1
            if listed[number] != {mail["digest"]}:
                verdict.wrong.append(f"event {number} is of digest {mail['digest']} and in {listed[number]}")
        elif state == "skipped" and mail["decided_by"]:
            verdict.left_out[mail["decided_by"]] += 1
            if listed[number]:
                verdict.wrong.append(f"event {number} was left out and is in {listed[number]}")
        else:
            verdict.wrong.append(f"event {number} is {state}")


def _hold_windows(verdict: Verdict, digests: Sequence[Any], letters: dict[str, list[Received]]) -> None:
    """No user got two mails of one window: a digest is one mail at most, and is opened when the one before is over."""
    last: dict[str, Any] = {}
    for digest in digests:
        room, id_ = digest["room"], digest["_id"]
        if digest["state"] != "closed":
            verdict.wrong.append(f"digest {id_} is {digest['state']}")
        before = last.get(room)
        if (
            before is not None
            and moment(digest["opened_at"]) < moment(before["closes_at"]) - DECIDED_TO_WRITTEN
        ):
            verdict.wrong.append(f"digest {id_} was opened while {before['_id']} was open")
        last[room] = digest
        user = room.removeprefix("user:u")
        if any(copy.recipients != (address(int(user)),) for copy in letters.get(id_, ())):
            verdict.wrong.append(f"digest {id_} went to somebody else")
    if unknown := letters.keys() - {digest["_id"] for digest in digests}:
        verdict.wrong.append(f"mails of no digest: {sorted(unknown)[:5]}")
