"""A gateway with a morning behind it: people who are online, orders that were emitted, mail in every state."""

import math
import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from storage.endings import Buried, Released
from storage.mail import LaneName
from tests.support.gateway import Gateway, token
from tests.support.node import JSClient, NodeProcess

STEPS = 360
PEOPLE = (
    "Ada Brook", "Ben Castle", "Clara Dunn", "Dev Patel", "Elif Kaya", "Finn Olsen", "Grace Lee", "Hana Sato",
    "Ines Costa", "Jonas Weber", "Kofi Mensah", "Lena Novak", "Mateo Ruiz", "Nora Quist", "Omar Haddad",
)  # fmt: skip
GOODS = ("Brass desk lamp", "Beeswax candle", "Linen notebook", "Walnut tray")
BOUNCES = (
    (550, "5.1.1 <ada@nowhere.example>: Recipient address rejected: User unknown in local recipient table"),
    (552, "5.2.2 The mailbox is full"),
    (None, "the address is not valid"),
)


async def crowd(here: Gateway, node: NodeProcess, names: Sequence[str]) -> list[JSClient]:
    """People who are online while the picture is taken."""
    clients = []
    for name in names:
        user = name.split()[0].lower()
        claims = token(
            user,
            name=name,
            email=f"{user}@shop.example",
            roles=("vip",) if len(name) % 5 == 0 else (),
            topics=("deals", "news") if len(name) % 3 == 0 else ("deals",),
        )
        clients.append(await node.open(here.public, auth={"token": claims}, transports=("websocket",)))
        await clients[-1].event("ready")
    return clients


async def an_hour(here: Gateway, node: NodeProcess) -> None:
    """A shop's hour in a few seconds: what is drawn is measured, only the time between the samples is made up."""
    assert here.node is not None
    trends = here.node.views.trends
    await trends.stop()
    trends._samples.clear()
    clock = trends._clock
    begun = clock() - timedelta(seconds=STEPS * trends.sample_seconds)
    chance = random.Random(7)  # noqa: S311 - the same picture every time
    online = await crowd(here, node, PEOPLE[:4])
    for number in range(STEPS):
        at = begun + timedelta(seconds=number * trends.sample_seconds)
        trends._clock = lambda at=at: at
        trends.sample()
        busy = 4 + 3 * math.sin(number / 45) + 2 * math.sin(number / 11) + chance.uniform(-1.5, 1.5)
        told = await here.batch([order(chance) for _ in range(max(1, round(busy)))])
        assert {each["status"] for each in told} == {202}, told
        if number % 12 == 0 and len(online) < len(PEOPLE):
            online += await crowd(here, node, PEOPLE[len(online) : len(online) + chance.randrange(3)])
        elif number % 50 == 49:
            await online.pop().close()
    trends._clock = clock
    trends.sample()


def order(chance: random.Random) -> dict[str, Any]:
    """What a shop emits of one order: as the demo's catalog takes it, and in words for a gateway that has none."""
    user = chance.choice(PEOPLE).split()[0].lower()
    number, status = str(chance.randrange(10_000, 99_999)), chance.choice(("placed", "shipped"))
    emit = {
        "to": f"user:{user}",
        "type": "ORDER_UPDATE",
        "data": {"order": number, "status": status},
        "title": f"Order {number} {'is placed' if status == 'placed' else 'has shipped'}",
        "body": f"{chance.choice(GOODS)}.",
        "email": False,
    }
    if chance.random() < 0.4:
        emit["email"] = {"to": f"{user}@shop.example", "after": chance.choice((0, 0, 900))}
    return emit


async def bury(here: Gateway) -> None:
    """Mail that relays have refused for good."""
    assert here.node is not None
    clock = here.node.clock
    later = clock() + timedelta(hours=2)
    for number, (code, reason) in enumerate(BOUNCES):
        user = PEOPLE[number].split()[0].lower()
        mail = {"to": f"{user}@nowhere.example", "after": 3600}
        title = f"Payment received for order {4100 + number}"
        await here.emit(f"user:{user}", title, type="PAYMENT_RECEIVED", email=mail)
        for lease in await here.node.store.outbox.lease(
            lane=LaneName.TRANSACTIONAL, limit=10_000, lease_seconds=60, now=later
        ):
            if lease.mail.order.to == mail["to"]:
                await here.node.store.outbox.end(lease, Buried(reason=reason, code=code), now=clock())
            else:
                await here.node.store.outbox.end(lease, Released(), now=clock())
