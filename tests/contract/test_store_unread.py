"""Unread is arithmetic in the stores; here it is counted one by one, and the two must agree."""

import asyncio
import uuid
from dataclasses import dataclass, field
from datetime import datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.connect import connect
from storage.inboxes import Count, HistoryQuery, Muted, Place, Selection
from storage.notifications import Collapse
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
    archivers: set[str] = field(default_factory=set)
    snoozers: dict[str, datetime] = field(default_factory=dict)
    returned: dict[str, datetime] = field(default_factory=dict)
    pressed: dict[str, str] = field(default_factory=dict)

    def place(self, user: str) -> Place | None:
        if user in self.dismissers:
            return None
        if user in self.snoozers:
            return Place.SNOOZED
        return Place.ARCHIVE if user in self.archivers else Place.INBOX

    def read(self, user: str) -> None:
        self.readers.add(user)
        self.returned.pop(user, None)

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

    def history(
        self, user: str, now: datetime, *, unread_only: bool, own: str, place: Place = Place.INBOX
    ) -> list[str]:
        shown = [
            i
            for i in self.items
            if i.is_shown(now)
            and i.place(user) is place
            and not (unread_only and user in i.readers)
            and not hides(own, user, i)
        ]
        return [i.id for i in sorted(shown, key=lambda i: (i.created_at, i.id), reverse=True)]

    def returned(self, user: str, now: datetime, own: str) -> set[str]:
        """What came back from a snooze and was not read since."""
        return {
            i.id for i in self.items if i.is_shown(now) and user in i.returned and not hides(own, user, i)
        }

    def wake(self, now: datetime) -> set[tuple[str, str]]:
        """Who gets what back now."""
        back = {(user, i.id) for i in self.items for user, until in i.snoozers.items() if until <= now}
        for i in self.items:
            for user, until in list(i.snoozers.items()):
                if until <= now:
                    del i.snoozers[user]
                    i.readers.discard(user)
                    i.returned[user] = now
        return back

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
    st.tuples(
        st.sampled_from(["unread", "unread", "archive", "unarchive", "undismiss"]),
        st.sampled_from(USERS),
        picks,
    ),
    st.tuples(st.sampled_from(["snooze", "act"]), st.sampled_from(USERS), st.integers(0, 30)),
    st.tuples(st.just("wake"), st.none(), st.none()),
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
    turns: dict[str, Count] = {}
    for time, (step, who, what) in enumerate(script):
        now = later(time)
        changed = expected = None
        chosen = (
            [model.items[i % len(model.items)] for i in what]
            if isinstance(what, list) and model.items
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
            changed = (
                await store.inboxes.read(Selection(users[who], list(rooms.values()), ids, now=now))
            ).changed
            expected = sum(who not in i.readers for i in marks)
            for i in marks:
                i.read(who)
        elif step in ("unread", "archive", "unarchive", "undismiss"):
            do = {"unread": "mark_unread"}.get(step, step)
            marked = await getattr(store.inboxes, do)(
                Selection(users[who], list(rooms.values()), ids, now=now)
            )
            changed, expected = marked.changed, sum(put_into(step, who, i) for i in marks)
        elif step in ("snooze", "act") and model.items:
            item = model.items[what % len(model.items)]
            here = Selection(users[who], list(rooms.values()), [item.id], now=now)
            there = item.is_shown(now) and who not in item.dismissers
            if step == "snooze":
                until = later(time + 1 + what % 4)
                changed = (await store.inboxes.snooze(here, until=until)).changed
                expected = int(there and item.snoozers.get(who) != until)
                if there:
                    item.snoozers[who] = until
                    item.archivers.discard(who)
                    item.read(who)
            else:
                action = f"action-{what % 2}"
                acted = await store.inboxes.act(here, action)
                if there and who not in item.pressed:
                    item.pressed[who] = action
                    item.read(who)
                assert acted.acted == (item.pressed.get(who) if there else None)
        elif step == "wake":
            named = {name: user for user, name in users.items()}
            token, back = await store.snoozes.bring_back(limit=100, lease_seconds=5, now=now)
            await store.snoozes.end(back, token=token)
            # All examples share one store: some of it may be of earlier ones.
            assert {(named[b.user], b.id) for b in back if b.user in named} == model.wake(now)
        elif step == "seen":
            await store.inboxes.seen(Selection(users[who], list(rooms.values()), ids, now=now))
        elif step == "dismiss":
            changed = (
                await store.inboxes.dismiss(Selection(users[who], list(rooms.values()), ids, now=now))
            ).changed
            expected = sum(who not in i.dismissers for i in marks)
            for i in marks:
                i.dismissers.add(who)
                i.snoozers.pop(who, None)
                i.read(who)
        elif step == "read_all":
            expected = model.unread(who, now)
            changed = (await store.inboxes.read_all(users[who], list(rooms.values()), now=now)).changed
            for i in model.items:
                i.read(who)
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
        await compare(store, model, rooms, users, now, turns)


def put_into(step: str, who: str, item: Item) -> bool:
    """Do it in the model; whether that changed anything."""
    if step == "undismiss":
        changed = who in item.dismissers
        item.dismissers.discard(who)
        return changed
    if who in item.dismissers:
        return False
    if step == "unread":
        changed = who in item.readers or item.place(who) is not Place.INBOX
        item.readers.discard(who)
        item.archivers.discard(who)
        item.snoozers.pop(who, None)
    elif step == "archive":
        changed = who not in item.archivers
        item.archivers.add(who)
        item.snoozers.pop(who, None)
        if changed:
            item.read(who)
    else:
        changed = who in item.archivers
        item.archivers.discard(who)
    return changed


def is_newer_or_same(count: Count, before: Count) -> bool:
    """What a client takes for the newer of two counts, as docs/protocol.md has it, or the same."""
    if count.turn != before.turn:
        return count.turn > before.turn
    grown = any(count.heads[room] > before.heads[room] for room in count.heads)
    return grown or count.unread <= before.unread


async def compare(store, model, rooms, users, now, turns) -> None:
    names = list(rooms.values())
    heads = await store.streams.heads(names)
    own = names[0]
    for user, name in users.items():
        muted = Muted(types=frozenset({MUTED_TYPE}), own=own) if user == MUTER else None
        counted = await store.inboxes.unread(name, names, now=now, muted=muted)
        assert counted == Count(unread=model.unread(user, now, own=own), heads=heads, turn=counted.turn)
        assert is_newer_or_same(counted, turns.setdefault(name, counted))
        turns[name] = counted
        for unread_only in (False, True):
            query = HistoryQuery(user=name, rooms=names, limit=100, unread_only=unread_only, muted=muted)
            page = await store.inboxes.history(query, now=now)
            assert [i.notification.id for i in page.items] == model.history(
                user, now, unread_only=unread_only, own=own
            )
            assert {i.notification.id for i in page.returned} == model.returned(user, now, own)
        for place in (Place.ARCHIVE, Place.SNOOZED):
            query = HistoryQuery(user=name, rooms=names, limit=100, place=place, muted=muted)
            page = await store.inboxes.history(query, now=now)
            there = model.history(user, now, unread_only=False, own=own, place=place)
            assert [i.notification.id for i in page.items] == there
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
