"""The sentences of `storage/outbox.py` about mail that is owed, held against every store."""

import asyncio
import dataclasses
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from storage.connect import connect
from storage.endings import Buried, Postponed, Released, Sent, Skipped
from storage.mail import Hold, LaneName, MailState
from storage.obligations import Kind, Lease, Subject
from storage.outbox import MailSearch
from tests.contract.store_cases import NOW, later, mail, notification, put
from tests.support.amounts import amount


async def owe(store, *dues: float, room: str = "user:1", **fields):
    return await put(
        store, *(notification(room, in_app=False, mail=mail(due_at=later(due)), **fields) for due in dues)
    )


async def lease_one(store, at: float = 0) -> Lease:
    [lease] = await store.outbox.lease(lane=LaneName.TRANSACTIONAL, limit=1, lease_seconds=60, now=later(at))
    return lease


async def test_due_mails_are_leased_oldest_due_first(store):
    late, early, _, middle = await owe(store, -1, -9, 1, -5)

    leases = await store.outbox.lease(lane=LaneName.TRANSACTIONAL, limit=10, lease_seconds=60, now=NOW)

    assert [x.notification.id for x in leases] == [early.id, middle.id, late.id]
    assert all(x.mail.state is MailState.LEASED and x.mail.attempts == 1 for x in leases)
    assert all(x.until == later(60) and x.mail == x.notification.mail for x in leases)
    assert await store.outbox.lease(lane=LaneName.TRANSACTIONAL, limit=10, lease_seconds=60, now=NOW) == []


async def test_a_mail_that_was_skipped_from_the_beginning_is_kept_and_never_owed(store):
    skipped = replace(mail(to=""), state=MailState.SKIPPED, reason="no address is known")
    [kept] = await put(store, notification("user:1", mail=skipped, created_at=later(-86400)))

    assert (
        await store.outbox.lease(lane=LaneName.TRANSACTIONAL, limit=10, lease_seconds=60, now=later(99)) == []
    )
    assert await store.outbox.next_due(lane=LaneName.TRANSACTIONAL) is None
    assert (await store.streams.notification(kept.id)).mail == skipped
    assert (await store.outbox.mail_counts())[MailState.SKIPPED] == 1
    assert await store.streams.prune(before=NOW, limit=10) == 1


async def test_no_more_than_the_limit_is_leased(store):
    await owe(store, *[0] * 5)

    assert [
        len(await store.outbox.lease(lane=LaneName.TRANSACTIONAL, limit=2, lease_seconds=60, now=NOW))
        for _ in range(4)
    ] == [
        2,
        2,
        1,
        0,
    ]
    assert (
        await store.outbox.lease(lane=LaneName.TRANSACTIONAL, limit=0, lease_seconds=60, now=later(99)) == []
    )


async def test_workers_that_race_never_lease_the_same_mail(store, other):
    await owe(store, *[0] * 40)

    taken = await asyncio.gather(
        *(
            node.outbox.lease(lane=LaneName.TRANSACTIONAL, limit=10, lease_seconds=60, now=NOW)
            for node in (store, other)
            for _ in range(4)
        )
    )

    ids = [x.notification.id for leases in taken for x in leases]
    assert len(ids) == len(set(ids)) == 40


async def test_a_lease_that_ended_goes_to_the_next_and_the_late_worker_changes_nothing(store):
    await owe(store, 0)
    first = await lease_one(store)
    assert (
        await store.outbox.lease(lane=LaneName.TRANSACTIONAL, limit=1, lease_seconds=60, now=later(59.999999))
        == []
    )

    second = await lease_one(store, 60)

    assert second.mail.attempts == 2
    assert not await store.outbox.end(first, Sent(), now=later(61))
    assert not await store.outbox.end(first, Skipped(rule="unless", reason="x"), now=later(61))
    assert not await store.outbox.end(first, Buried(reason="x", code=550), now=later(61))
    assert not await store.outbox.end(first, Released(), now=later(61))
    assert not await store.outbox.end(
        first, Postponed(until=later(90), reason="x", code=None, counted=True), now=later(61)
    )
    assert (await store.streams.notification(second.notification.id)).mail == second.mail
    assert await store.outbox.end(second, Sent(), now=later(62))
    assert not await store.outbox.end(second, Sent(), now=later(63))


async def owe_in_hand(store) -> Lease:
    """A mail that is leased as it is stored, until 15 seconds later."""
    hold = Hold(token="1d9e", until=later(15))
    given = replace(mail(), state=MailState.LEASED, attempts=1, hold=hold)
    [kept] = await put(store, notification("user:1", in_app=False, mail=given))
    mail_kept = replace(given, hold=None)
    assert (await store.streams.notification(kept.id)).mail == mail_kept
    of = Subject(kind=Kind.NOTIFICATION, id=kept.id)
    return Lease(id=kept.id, of=of, notification=kept, mail=mail_kept, token=hold.token, until=hold.until)


@pytest.mark.parametrize("ending", [Sent(), Released(), Buried(reason="x")])
async def test_a_mail_that_is_stored_in_a_workers_hands_is_that_ones_to_end(store, ending):
    mine = await owe_in_hand(store)
    assert await store.outbox.prolong(mine, lease_seconds=60, now=later(5))
    assert await store.outbox.next_due(lane=LaneName.TRANSACTIONAL) == later(65)

    assert await store.outbox.end(mine, ending, now=later(6))

    assert not await store.outbox.end(mine, ending, now=later(6))


async def test_a_mail_whose_process_dies_as_it_is_stored_is_found_when_its_lease_has_ended(store, other):
    mine = await owe_in_hand(store)
    lane = LaneName.TRANSACTIONAL
    assert await store.outbox.next_due(lane=lane) == later(15)
    assert await other.outbox.lease(lane=lane, limit=1, lease_seconds=60, now=later(14.999999)) == []

    [found] = await other.outbox.lease(lane=lane, limit=1, lease_seconds=60, now=later(15))

    assert (found.id, found.mail.attempts) == (mine.id, 2)
    assert not await store.outbox.end(mine, Sent(), now=later(16))
    assert await other.outbox.end(found, Sent(), now=later(16))


async def test_a_lease_is_prolonged_for_as_long_as_its_holder_says_so(store, other):
    await owe(store, 0)
    held = await lease_one(store)

    assert await store.outbox.prolong(held, lease_seconds=60, now=later(50))

    assert await store.outbox.next_due(lane=LaneName.TRANSACTIONAL) == later(110)
    assert (
        await other.outbox.lease(
            lane=LaneName.TRANSACTIONAL, limit=1, lease_seconds=60, now=later(109.999999)
        )
        == []
    )
    [taken] = await other.outbox.lease(lane=LaneName.TRANSACTIONAL, limit=1, lease_seconds=60, now=later(110))
    assert taken.mail.attempts == 2
    assert not await store.outbox.prolong(held, lease_seconds=600, now=later(111))
    assert await store.outbox.next_due(lane=LaneName.TRANSACTIONAL) == later(170)


async def test_a_lease_that_has_ended_is_prolonged_unless_another_has_the_mail(store):
    await owe(store, 0)
    held = await lease_one(store)

    assert await store.outbox.prolong(held, lease_seconds=60, now=later(100))

    assert (
        await store.outbox.lease(lane=LaneName.TRANSACTIONAL, limit=1, lease_seconds=60, now=later(159)) == []
    )
    assert await store.outbox.end(held, Sent(), now=later(159))


@pytest.mark.parametrize(
    "ending",
    [
        Sent(),
        Released(),
        Skipped(rule="unless", reason="x"),
        Buried(reason="x"),
        Postponed(until=later(90), reason="x"),
    ],
)
async def test_what_is_no_longer_leased_is_not_prolonged(store, ending):
    """The prolonging may be on its way to the store while the mail is settled."""
    [n] = await owe(store, 0)
    held = await lease_one(store)
    assert await store.outbox.end(held, ending, now=later(1))
    before = (
        (await store.streams.notification(n.id)).mail,
        await store.outbox.next_due(lane=LaneName.TRANSACTIONAL),
    )

    assert not await store.outbox.prolong(held, lease_seconds=600, now=later(2))

    assert (
        (await store.streams.notification(n.id)).mail,
        await store.outbox.next_due(lane=LaneName.TRANSACTIONAL),
    ) == before


async def test_a_lease_that_has_ended_at_once_is_given_once(store):
    await owe(store, 0, 0)

    assert len(await store.outbox.lease(lane=LaneName.TRANSACTIONAL, limit=5, lease_seconds=0, now=NOW)) == 2


async def test_what_was_sent_is_owed_no_more(store):
    [n] = await owe(store, 0)

    assert await store.outbox.end(await lease_one(store), Sent(), now=later(5))

    sent = (await store.streams.notification(n.id)).mail
    assert (sent.state, sent.sent_at, sent.updated_at, sent.attempts) == (
        MailState.SENT,
        later(5),
        later(5),
        1,
    )
    assert await store.outbox.next_due(lane=LaneName.TRANSACTIONAL) is None
    assert (
        await store.outbox.lease(lane=LaneName.TRANSACTIONAL, limit=5, lease_seconds=60, now=later(999)) == []
    )


async def test_what_was_skipped_says_why(store):
    [n] = await owe(store, 0)

    assert await store.outbox.end(await lease_one(store), Skipped(rule="unless", reason="read"), now=later(5))

    skipped = (await store.streams.notification(n.id)).mail
    assert (skipped.state, skipped.reason, skipped.sent_at) == (MailState.SKIPPED, "read", None)
    assert await store.outbox.next_due(lane=LaneName.TRANSACTIONAL) is None


@pytest.mark.parametrize(("counted", "attempts"), [(True, 2), (False, 1)])
async def test_what_was_postponed_is_due_again_then(store, counted, attempts):
    [n] = await owe(store, 0)

    assert await store.outbox.end(
        await lease_one(store),
        Postponed(until=later(100), reason="busy", code=451, counted=counted),
        now=later(5),
    )

    postponed = (await store.streams.notification(n.id)).mail
    assert (postponed.state, postponed.reason, postponed.code) == (MailState.PENDING, "busy", 451)
    assert (postponed.due_at, postponed.order.due_at) == (later(100), NOW)
    assert await store.outbox.next_due(lane=LaneName.TRANSACTIONAL) == later(100)
    assert (
        await store.outbox.lease(lane=LaneName.TRANSACTIONAL, limit=1, lease_seconds=60, now=later(99)) == []
    )
    assert (await lease_one(store, 100)).mail.attempts == attempts


async def test_what_was_released_is_due_as_before_and_uncounted(store):
    [n] = await owe(store, -30)

    assert await store.outbox.end(await lease_one(store), Released(), now=later(5))

    assert (await store.streams.notification(n.id)).mail.state is MailState.PENDING
    assert await store.outbox.next_due(lane=LaneName.TRANSACTIONAL) == later(-30)
    assert (await lease_one(store, 6)).mail.attempts == 1


async def test_what_was_buried_waits_with_its_reason_until_it_is_revived(store):
    [n, sent] = await owe(store, 0, 1)
    assert await store.outbox.end(
        await lease_one(store), Buried(reason="no such user", code=550), now=later(1)
    )
    await store.outbox.end(await lease_one(store, 1), Sent(), now=later(1))

    dead = (await store.streams.notification(n.id)).mail
    assert (dead.state, dead.reason, dead.code) == (MailState.DEAD, "no such user", 550)
    assert await store.outbox.next_due(lane=LaneName.TRANSACTIONAL) is None

    assert await store.outbox.revive([sent.id, n.id, n.id, "unknown"], now=later(7)) == [n.id]
    assert await store.outbox.revive([n.id], now=later(8)) == []
    revived = (await store.streams.notification(n.id)).mail
    assert (revived.state, revived.attempts, revived.due_at) == (MailState.PENDING, 0, later(7))
    assert (revived.reason, revived.code) == (None, None)
    assert await store.outbox.next_due(lane=LaneName.TRANSACTIONAL) == later(7)


async def test_mail_of_what_is_recalled_or_has_expired_is_skipped_instead(store):
    [expired] = await owe(store, 0, expires_at=later(5))
    recalled, kept = await owe(store, 0, 0)
    held = await store.outbox.lease(lane=LaneName.TRANSACTIONAL, limit=2, lease_seconds=1, now=NOW)
    assert {x.notification.id for x in held} <= {expired.id, recalled.id, kept.id}
    for lease in held:
        await store.outbox.end(lease, Released(), now=NOW)
    while (lease := await lease_one(store)).notification.id != recalled.id:
        await store.outbox.end(lease, Postponed(until=later(1), reason="", code=None, counted=False), now=NOW)
    await store.streams.recall(recalled.id, now=later(1))
    assert (await store.streams.notification(recalled.id)).mail.state is MailState.LEASED

    leases = await store.outbox.lease(lane=LaneName.TRANSACTIONAL, limit=1, lease_seconds=60, now=later(99))

    assert [x.notification.id for x in leases] == [kept.id]
    await store.outbox.lease(lane=LaneName.TRANSACTIONAL, limit=1, lease_seconds=60, now=later(99))
    for n, reason in ((expired, "expired"), (recalled, "recalled")):
        skipped = (await store.streams.notification(n.id)).mail
        assert (skipped.state, skipped.reason) == (MailState.SKIPPED, reason)


async def test_the_next_due_is_the_earliest_mail_or_end_of_a_lease(store):
    assert await store.outbox.next_due(lane=LaneName.TRANSACTIONAL) is None
    await owe(store, 0, 100)
    assert await store.outbox.next_due(lane=LaneName.TRANSACTIONAL) == NOW

    await lease_one(store)
    assert await store.outbox.next_due(lane=LaneName.TRANSACTIONAL) == later(60)
    await store.outbox.end(await lease_one(store, 60), Sent(), now=later(61))
    assert await store.outbox.next_due(lane=LaneName.TRANSACTIONAL) == later(100)


async def test_mail_pages_by_state_newest_first(store):
    stored = await owe(store, *range(7))
    await put(store, notification("user:1"))
    newest_first = [n.id for n in reversed(stored)]
    await store.outbox.end(await lease_one(store), Buried(reason="x", code=None), now=NOW)

    async def all_ids(state):
        found, cursor, pages = [], None, 0
        while cursor is not None or not pages:
            page = await store.outbox.mail_page(MailSearch(state=state), before=cursor, limit=3)
            found += [n.id for n in page.items]
            cursor, pages = page.next, pages + 1
        return found, pages

    assert await all_ids(None) == (newest_first, 3)
    assert await all_ids(MailState.DEAD) == ([stored[0].id], 1)
    assert await all_ids(MailState.PENDING) == (newest_first[:-1], 2)
    assert await all_ids(MailState.SENT) == ([], 1)


async def test_mails_are_counted_by_state(store):
    await owe(store, 0, 1, 2, 3)
    await put(store, notification("user:1"))
    await store.outbox.end(await lease_one(store), Sent(), now=NOW)
    await lease_one(store, 1)

    expected = {MailState.PENDING: 2, MailState.LEASED: 1, MailState.SENT: 1}
    assert await store.outbox.mail_counts() == dict.fromkeys(MailState, 0) | expected


class OutboxMachine(RuleBasedStateMachine):
    """Workers that lease, settle, fail, crash and come back late, on a clock that steps either way.

    Promises held: never two live leases on one mail; a mail is only sent by who holds it; what a worker was told is so.
    """

    url = ""
    leases = Bundle("leases")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.store = connect(self.url)
        self.run(self.store.open())
        self.now = NOW
        self.mails: set[str] = set()
        self.holder: dict[str, Lease] = {}
        """The last lease of each mail that is not concluded."""
        self.ended: dict[str, MailState] = {}

    def run(self, awaitable):
        return self.runner.run(awaitable)

    @rule(due=st.integers(-50, 50))
    def order(self, due):
        n = notification("user:1", mail=mail(due_at=self.now + timedelta(seconds=due)), created_at=self.now)
        self.run(put(self.store, n))
        self.mails.add(n.id)

    @rule(seconds=st.sampled_from([-40, -1, 0, 1, 5, 30, 90]))
    def step_the_clock(self, seconds):
        self.now += timedelta(seconds=seconds)

    @rule(target=leases, limit=st.integers(1, 4), seconds=st.sampled_from([1, 10, 60]))
    def lease(self, limit, seconds):
        leases = self.run(
            self.store.outbox.lease(
                lane=LaneName.TRANSACTIONAL, limit=limit, lease_seconds=seconds, now=self.now
            )
        )
        for lease in leases:
            held = self.holder.get(lease.notification.id)
            assert held is None or held.until <= self.now, "two live leases"
            assert lease.notification.id not in self.ended
            self.holder[lease.notification.id] = lease
        assert len({x.notification.id for x in leases}) == len(leases) <= limit
        return multiple(*leases)

    @rule(
        lease=consumes(leases),
        how=st.sampled_from(["settle", "skip", "bury", "postpone", "release", "crash"]),
        wait=st.integers(0, 60),
    )
    def conclude(self, lease, how, wait):
        store, now = self.store, self.now
        if how == "crash":
            return  # The lease stays as it is until it ends.
        done = self.run(
            {
                "settle": lambda: store.outbox.end(lease, Sent(), now=now),
                "skip": lambda: store.outbox.end(lease, Skipped(rule="unless", reason="read"), now=now),
                "bury": lambda: store.outbox.end(lease, Buried(reason="refused", code=550), now=now),
                "release": lambda: store.outbox.end(lease, Released(), now=now),
                "postpone": lambda: store.outbox.end(
                    lease,
                    Postponed(
                        until=now + timedelta(seconds=wait), reason="busy", code=451, counted=bool(wait % 2)
                    ),
                    now=now,
                ),
            }[how]()
        )
        holder = self.holder.get(lease.notification.id)
        assert done == (holder is not None and holder.token == lease.token)
        if done:
            del self.holder[lease.notification.id]
            states = {"settle": MailState.SENT, "skip": MailState.SKIPPED, "bury": MailState.DEAD}
            if how in states:
                self.ended[lease.notification.id] = states[how]

    @rule(lease=leases, seconds=st.sampled_from([1, 10, 60]))
    def prolong(self, lease, seconds):
        done = self.run(self.store.outbox.prolong(lease, lease_seconds=seconds, now=self.now))
        holder = self.holder.get(lease.notification.id)
        assert done == (holder is not None and holder.token == lease.token)
        if done:
            until = self.now + timedelta(seconds=seconds)
            self.holder[lease.notification.id] = dataclasses.replace(lease, until=until)

    @rule()
    def revive(self):
        dead = sorted(i for i, state in self.ended.items() if state is MailState.DEAD)
        assert sorted(self.run(self.store.outbox.revive(sorted(self.mails), now=self.now))) == dead
        for i in dead:
            del self.ended[i]

    @invariant()
    def the_next_due_is_owed(self):
        due = self.run(self.store.outbox.next_due(lane=LaneName.TRANSACTIONAL))
        assert (due is None) == (len(self.ended) == len(self.mails))

    def teardown(self):
        """Whatever happened, a worker that keeps at it brings every mail to its end."""
        far = self.now + timedelta(days=1)
        while leases := self.run(
            self.store.outbox.lease(lane=LaneName.TRANSACTIONAL, limit=100, lease_seconds=60, now=far)
        ):
            for lease in leases:
                assert self.run(self.store.outbox.end(lease, Sent(), now=far))
                self.ended[lease.notification.id] = MailState.SENT
        for i in self.mails:
            settled = self.run(self.store.streams.notification(i)).mail
            assert settled.state is self.ended[i]
            assert settled.reason or settled.state is MailState.SENT
        assert self.run(self.store.outbox.next_due(lane=LaneName.TRANSACTIONAL)) is None
        # The next example starts with an empty outbox.
        while self.run(self.store.streams.prune(before=far + timedelta(days=9), limit=1000)):
            pass
        self.run(self.store.close())
        self.runner.close()


@pytest.mark.long
@pytest.mark.timeout(300)
def test_every_mail_ends_and_is_never_leased_twice_at_a_time(store_url):
    machine = type("Machine", (OutboxMachine,), {"url": store_url})

    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=amount(10, long=25),
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )
