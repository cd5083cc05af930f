"""Unread is arithmetic in the stores; here it is counted one by one, and the two must agree."""

import asyncio
import uuid
from dataclasses import dataclass, field
from datetime import datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.connect import connect
from storage.inboxes import Count, HistoryQuery, Muted
from storage.streams import Collapse
from tests.contract.store_cases import NOW, later, notification, put
from tests.support.amounts import amount

ROOMS = ("a", "b")
USERS = ("1", "2")
MUTED_TYPE = "CHATTER"
MUTER = "2"
"""Who does not want to be shown that type, but in the first of the rooms."""


@dataclass
class Item:
    id: str
    room: str
    seq: int
    created_at: datetime
    expires_at: datetime | None
    type: str = "NOTE"
    key: str | None = None
    wiped: bool = False
    readers: set[str] = field(default_factory=set)
    dismissers: set[str] = field(default_factory=set)

    def is_shown(self, now: datetime) -> bool:
        return not self.wiped and (self.expires_at is None or self.expires_at > now)


class Model:
    """One list, looked at from the start each time."""

    def __init__(self) -> None:
        self.items: list[Item] = []

    def append(self, item: Item) -> None:
        for older in self.items:
            if item.key is not None and (older.room, older.key) == (item.room, item.key):
                older.wiped = True
        self.items.append(item)

    def unread(self, user: str, now: datetime, *, own: str | None = None) -> int:
        return sum(i.is_shown(now) and user not in i.readers and not hides(own, user, i) for i in self.items)

    def history(self, user: str, now: datetime, *, unread_only: bool, own: str) -> list[str]:
        shown = [
            i
            for i in self.items
            if i.is_shown(now)
            and user not in i.dismissers
            and not (unread_only and user in i.readers)
            and not hides(own, user, i)
        ]
        return [i.id for i in sorted(shown, key=lambda i: (i.created_at, i.id), reverse=True)]

    def missed(self, room: str, after: int, now: datetime) -> list[int]:
        return [i.seq for i in self.items if i.room == room and i.seq > after and i.is_shown(now)]


def hides(own: str | None, user: str, item: Item) -> bool:
    return own is not None and user == MUTER and item.type == MUTED_TYPE and item.room != own


picks = st.lists(st.integers(0, 30), max_size=4)
steps = st.one_of(
    st.tuples(
        st.just("append"),
        st.sampled_from(ROOMS),
        st.tuples(
            st.sampled_from([None, None, None, 2, 6]),
            st.sampled_from([None, None, "x", "y"]),
            st.sampled_from(["NOTE", MUTED_TYPE]),
        ),
    ),
    st.tuples(st.just("append"), st.sampled_from(ROOMS), st.just((None, None, "NOTE"))),
    st.tuples(st.sampled_from(["read", "seen", "dismiss"]), st.sampled_from(USERS), picks),
    st.tuples(st.just("read_all"), st.sampled_from(USERS), st.none()),
    st.tuples(st.just("recall"), st.none(), st.integers(0, 30)),
    st.tuples(st.just("expire"), st.none(), st.none()),
    st.tuples(st.just("prune"), st.none(), st.integers(0, 9)),
)


@pytest.mark.long
@pytest.mark.timeout(300)
def test_unread_history_and_missed_agree_with_counting_one_by_one(store_url):
    with asyncio.Runner() as runner:
        store = connect(store_url)
        runner.run(store.open())

        @settings(
            max_examples=amount(10, long=25), deadline=None, suppress_health_check=list(HealthCheck), database=None,
        )  # fmt: skip
        @given(st.lists(steps, max_size=25))
        def example(script):
            runner.run(play(store, script))

        try:
            example()
        finally:
            runner.run(store.close())


async def play(store, script) -> None:
    own = uuid.uuid4().hex[:8]
    rooms = {name: f"{name}-{own}" for name in ROOMS}
    users = {name: f"{name}-{own}" for name in USERS}
    model = Model()
    for time, (step, who, what) in enumerate(script):
        now = later(time)
        changed = expected = None
        chosen = (
            [model.items[i % len(model.items)] for i in what]
            if step in ("read", "seen", "dismiss") and model.items
            else []
        )
        marks = {i.id: i for i in chosen if i.is_shown(now)}.values()
        ids = [i.id for i in chosen]
        if step == "append":
            seconds, key, type_ = what
            expires = None if seconds is None else later(time + seconds)
            collapse = None if key is None else Collapse(key)
            [n] = await put(
                store,
                notification(rooms[who], created_at=now, expires_at=expires, type=type_, collapse=collapse),
            )
            model.append(Item(n.id, n.room, n.seq, now, expires, type_, key))
        elif step == "read":
            changed = (await store.inboxes.read(users[who], list(rooms.values()), ids, now=now)).changed
            expected = sum(who not in i.readers for i in marks)
            for i in marks:
                i.readers.add(who)
        elif step == "seen":
            await store.inboxes.seen(users[who], list(rooms.values()), ids, now=now)
        elif step == "dismiss":
            changed = (await store.inboxes.dismiss(users[who], list(rooms.values()), ids, now=now)).changed
            expected = sum(who not in i.dismissers for i in marks)
            for i in marks:
                i.dismissers.add(who)
                i.readers.add(who)
        elif step == "read_all":
            expected = model.unread(who, now)
            changed = (await store.inboxes.read_all(users[who], list(rooms.values()), now=now)).changed
            for i in model.items:
                i.readers.add(who)
        elif step == "recall" and model.items:
            item = model.items[what % len(model.items)]
            await store.streams.recall(item.id, now=now)
            item.wiped = True
        elif step == "expire":
            while await store.streams.expire(now=now, limit=100):
                pass
        elif step == "prune":
            before = later(time - what)
            while await store.streams.prune(before=before, limit=100):
                pass
            # All examples share one clock and one store, so this prunes the rooms of earlier ones too.
            model.items = [i for i in model.items if i.created_at >= before]
        assert changed == expected
        await compare(store, model, rooms, users, now)


async def compare(store, model, rooms, users, now) -> None:
    names = list(rooms.values())
    heads = await store.streams.heads(names)
    own = names[0]
    for user, name in users.items():
        muted = Muted(types=frozenset({MUTED_TYPE}), own=own) if user == MUTER else None
        assert await store.inboxes.unread(name, names, now=now, muted=muted) == Count(
            unread=model.unread(user, now, own=own), heads=heads
        )
        for unread_only in (False, True):
            query = HistoryQuery(user=name, rooms=names, limit=100, unread_only=unread_only, muted=muted)
            page = await store.inboxes.history(query, now=now)
            assert [i.notification.id for i in page.items] == model.history(
                user, now, unread_only=unread_only, own=own
            )
    opening = await store.inboxes.opening(
        users["1"], names, since={room: max(0, heads[room] - 3) for room in names}, limit=2, now=now
    )
    assert (opening.heads, opening.unread) == (heads, model.unread("1", now))
    for room in names:
        missed = model.missed(room, max(0, heads[room] - 3), now)
        if room not in opening.resync:
            assert [n.seq for n in opening.missed if n.room == room] == missed
            assert len(missed) <= 2
        else:
            pruned = {i.seq for i in model.items if i.room == room}
            assert len(missed) > 2 or max(0, heads[room] - 3) + 1 not in pruned
    assert all(n.created_at >= NOW for n in opening.missed)
