"""The sentences of `storage/topics.py`, held against every store."""

from storage.beginnings import Membership
from storage.topics import TOPICS_PER_USER, Changed, Full, TopicMember
from tests.contract.store_cases import NOW, fill, later

ROOM = "topic:deals"


async def _change(store, topic: str = "deals", *, add=(), remove=(), at=NOW):
    return await store.topics.change(topic, room=f"topic:{topic}", add=add, remove=remove, now=at)


async def test_members_come_and_go_and_the_topics_of_each_are_known(store, other):
    assert await store.topics.revision() == 0

    assert await _change(store, add=["ann", "bob", "ann"]) == Changed(added=2, removed=0, revision=1)
    assert await _change(store, "news", add=["ann"], at=later(1)) == Changed(added=1, removed=0, revision=2)

    assert dict(await other.topics.of_user("ann")) == {"deals": NOW, "news": later(1)}
    assert await other.topics.of_users(["ann", "bob", "cid", "\ud800"]) == {
        "ann": ("deals", "news"),
        "bob": ("deals",),
    }
    changed = await _change(store, add=["cid"], remove=["ann", "nobody", "\ud800"], at=later(2))
    assert changed == Changed(added=1, removed=1, revision=3)
    assert dict(await other.topics.of_user("ann")) == {"news": later(1)}
    assert await other.topics.revision() == 3


async def test_a_repeated_change_changes_nothing_but_is_counted(store):
    await _change(store, add=["ann"])

    assert await _change(store, add=["ann"], at=later(9)) == Changed(added=0, removed=0, revision=2)
    assert await _change(store, remove=["bob"]) == Changed(added=0, removed=0, revision=3)

    assert dict(await store.topics.of_user("ann")) == {"deals": NOW}


async def test_a_thousand_members_are_put_in_at_once_and_read_by_pages(store):
    users = [f"user-{number:04}" for number in range(1000)]
    assert (await _change(store, add=users)).added == 1000

    pages = []
    after: str | None = None
    while not pages or after is not None:
        page = await store.topics.members("deals", after=after, limit=300)
        pages.append(page)
        after = page.next

    assert [len(page.members) for page in pages] == [300, 300, 300, 100]
    assert [member for page in pages for member in page.members] == [
        TopicMember(user=user, since=NOW) for user in users
    ]
    assert (await store.topics.members("deals", after="user-0999", limit=1)).members == ()
    assert (await store.topics.members("nothing", after=None, limit=1)).members == ()


async def test_who_has_all_the_topics_one_may_have_gets_no_further_and_nobody_else_does(store):
    for number in range(TOPICS_PER_USER):
        await _change(store, f"t{number}", add=["ann"])

    assert await _change(store, add=["ann", "bob"], remove=["cid"]) == Full(("ann",))

    assert await store.topics.of_users(["bob"]) == {}
    assert len(await store.topics.of_user("ann")) == TOPICS_PER_USER
    # What she has already is no further one.
    assert isinstance(await _change(store, "t0", add=["ann"]), Changed)
    assert await store.topics.revision() == TOPICS_PER_USER + 1


async def test_what_a_topic_holds_as_a_user_joins_is_history_and_not_unread(store):
    await fill(store, ROOM, 3)
    await _change(store, add=["ann"])
    await fill(store, ROOM, 2)

    # Ann comes for the first time, long after.
    opening = await store.inboxes.opening(
        "ann",
        ["user:ann", ROOM, "all"],
        since={},
        limit=10,
        now=later(60),
        membership=Membership(own="user:ann", everybodys=("all", "admins")),
    )

    assert (opening.unread, opening.heads[ROOM]) == (2, 5)


async def test_a_topic_that_a_user_had_before_begins_no_second_time(store):
    membership = Membership(own="user:ann", everybodys=("all", "admins"))
    await store.inboxes.begin("ann", ["user:ann", ROOM, "all"], membership=membership, now=NOW)
    await fill(store, ROOM, 2)

    await _change(store, add=["ann"])
    assert (await store.inboxes.unread("ann", [ROOM], now=NOW)).unread == 2
    await _change(store, remove=["ann"])
    await fill(store, ROOM, 1)
    await _change(store, add=["ann"])

    assert (await store.inboxes.unread("ann", [ROOM], now=NOW)).unread == 3


async def test_an_erased_user_is_no_member_any_more_and_the_others_are(store):
    await _change(store, add=["ann", "bob"])

    await store.people.erase_user("ann", "user:ann", now=later(1))

    assert await store.topics.of_users(["ann", "bob"]) == {"bob": ("deals",)}


async def _put_into(store, topic: str, *users: str) -> None:
    await store.topics.change(topic, room=f"topic:{topic}", add=users, remove=[], now=NOW)


async def test_topics_that_have_members_are_named_by_pages(store):
    for topic in ("deals", "news", "news.de", "sport"):
        await _put_into(store, topic, "ann", "bob")
    await store.topics.change("sport", room="topic:sport", add=[], remove=["ann", "bob"], now=NOW)

    first = await store.topics.named(after=None, limit=2)
    rest = await store.topics.named(after=first.next, limit=2)

    assert (first.topics, first.next) == (("deals", "news"), "news")
    assert (rest.topics, rest.next) == (("news.de",), None)
    assert (await store.topics.named(prefix="news", after=None, limit=9)).topics == ("news", "news.de")
    assert (await store.topics.named(prefix="x", after=None, limit=9)).topics == ()


async def test_members_are_found_by_how_their_ids_begin(store):
    await _put_into(store, "deals", "ann", "anna", "bob")

    page = await store.topics.members("deals", prefix="ann", after=None, limit=1)
    rest = await store.topics.members("deals", prefix="ann", after=page.next, limit=1)

    assert ([m.user for m in page.members], [m.user for m in rest.members]) == (["ann"], ["anna"])
    assert rest.next is None


async def test_members_are_counted_up_to_a_bound(store, monkeypatch):
    for adapter in ("sqlite", "mongo"):
        monkeypatch.setattr(f"storage.{adapter}.topics.COUNTED", 2)
    users = {"none": [], "one": ["ann"], "three": ["ann", "bob", "eve"]}
    for topic, members in users.items():
        await store.topics.change(topic, room=f"topic:{topic}", add=members, remove=[], now=NOW)

    assert await store.topics.counts(list(users)) == {"none": 0, "one": 1, "three": 2}
    assert await store.topics.counts([]) == {}
