"""The archive, over every store: nothing is lost, nothing is there twice, and what was erased is gone from there too."""

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest

from gateway.ground.rooms import user_of
from gateway.notify.archive import writing
from gateway.notify.archive.depot import Depot, DepotDamaged, DepotUnavailable
from gateway.notify.archive.files import CONTENT, MANIFEST, opened, packed, unpacked
from gateway.notify.archive.folder import PART
from gateway.notify.archive.reading import DepotReader
from gateway.notify.archive.writing import Archivist
from gateway.notify.retention import Housekeeper
from storage.archive import PieceState
from storage.histories import HistoryQuery
from storage.inboxes import Selection
from storage.mongo import MongoStore, clearing, restoring
from storage.notifications import Collapse, Entry, Notification, Words
from storage.sqlite import SQLiteStore
from storage.store import Store
from tests.contract.store_cases import NOW, fill, later, mail, notification, put, sequences
from tests.support.amounts import amount
from tests.support.archives import TOMORROW, Hour, archivist, depot, everything, put_all_away, quietly

ANN, BEN = "user:ann", "user:ben"
SECRET = "what-only-ann-may-read"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "archive" / "store"


@pytest.fixture
def files(folder: Path) -> Depot:
    return depot(f"file://{folder.parent}")


class Killed(Exception):  # noqa: N818 - what befalls a process
    """The process is gone at this moment."""


class Fate:
    """Lets a process come as far as its n-th moment, which is behind a call."""

    def __init__(self, moments: int) -> None:
        self.left = moments

    def pass_moment(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Killed


class Doomed:
    """Forwards to what it stands for, until the process is killed."""

    def __init__(self, target: object, fate: Fate) -> None:
        self._target = target
        self._fate = fate

    def __getattr__(self, name):
        method = getattr(self._target, name)

        async def call(*args, **kwargs):
            answer = await method(*args, **kwargs)
            self._fate.pass_moment()
            return answer

        return call


async def _doomed_run(store: Store, files: Depot, clock: Hour, moments: int) -> bool:
    """Whether it came to its end."""
    fate = Fate(moments)
    clock.outlast_a_lease()
    one = archivist(Doomed(store.archive, fate), Doomed(files, fate), clock, rows=3)  # type: ignore[arg-type]
    try:
        while await one.prune(before=TOMORROW):
            pass
    except Killed:
        return False
    return True


async def test_killed_at_any_moment_nothing_is_lost_and_nothing_is_there_twice(store, files, monkeypatch):
    """Each time another process goes on with what the last one has left."""
    monkeypatch.setattr(writing, "PAUSE_SECONDS", 0)
    clock = Hour()
    told: dict[str, Notification] = {}
    moments = 0
    while True:
        new = await put(store, notification(ANN), notification("all"))
        told |= {n.id: n for n in new}
        if await _doomed_run(store, files, clock, moments):
            break
        moments += 1
    await put_all_away(store, files, clock, rows=3)

    found = await everything(store, files, ["ann"], ["all"])
    assert moments > 10
    assert Counter(kept.notification.id for kept in found) == Counter(list(told))
    assert {kept.notification.id: kept.notification for kept in found} == told
    assert await sequences(store, ANN) == await sequences(store, "all") == []
    checked = await DepotReader(store.archive, files, progress=quietly).verify(await _names(store, files))
    assert (checked.rows, checked.faults) == (len(told), {})


async def _names(store: Store, files: Depot) -> list[str]:
    return await DepotReader(store.archive, files, progress=quietly).pieces()


async def test_the_same_piece_is_the_same_file_however_often_it_is_written(store, files, folder):
    await fill(store, ANN, 3)
    clock = Hour()
    turn = await store.archive.lead("one", lease_seconds=1, now=clock())
    one = archivist(store.archive, files, clock)
    piece = await store.archive.begin(before=TOMORROW, limit=9, turn=turn)

    contents = []
    for _ in range(2):
        clock.outlast_a_lease()
        lines = await one._lines(piece.ids)  # noqa: SLF001 - two writers at the same time
        contents.append(lines)

    assert contents[0] == contents[1]
    assert len(contents[0]) == 3
    left = folder / f"notifications-2026-11-0001.jsonl.gz{PART}"
    left.parent.mkdir(mode=0o700, parents=True)
    left.touch(mode=0o600)
    left.write_bytes(b"cut off in the mid")
    assert await put_all_away(store, files, clock) == 3
    assert sorted(each.name for each in folder.iterdir()) == [
        "notifications-2026-11-0001.jsonl.gz",
        "notifications-2026-11-0001.manifest.json",
    ]
    assert all(each.stat().st_mode & 0o077 == 0 for each in (folder, *folder.iterdir()))


@pytest.mark.long
@pytest.mark.parametrize("count", [amount(300, long=20_000)])
async def test_all_goes_out_and_comes_back_equal(store, files, count):
    """A million of them with BELLHOP_TEST_LONG=50."""
    entry = Entry(category="orders", locale="de", translations={"en": Words("Shipped", "today")})
    odd = [
        notification(
            ANN, body=SECRET, link="/a?b=ä", data={"n": 2**70, "half": "\ud800", "none": None}, entry=entry
        ),
        notification(ANN, in_app=False, expires_at=later(9e6)),
        notification("topic:deals", data={"a.b": [1, {"$c": 0.1}]}),
    ]
    told = {n.id: n for n in await put(store, *odd)}
    for start in range(0, count, 1000):
        size = min(1000, count - start)
        batch = [notification(f"user:{n % 50}", body=f"words {n}", data={"n": n}) for n in range(size)]
        told |= {n.id: n for n in await put(store, *batch)}
    clock = Hour()

    assert await put_all_away(store, files, clock, rows=2000 if count > 300 else 100) == len(told)
    gone = [await store.streams.notification(n.id) for n in odd]
    reader = DepotReader(store.archive, files, progress=quietly)
    done = await reader.restore(await reader.pieces(), now=NOW)
    again = await reader.restore(await reader.pieces(), now=NOW)

    assert gone == [None, None, None]
    assert (done.rows, done.there, done.sealed) == (len(told), 0, 0)
    assert (again.rows, again.there) == (0, len(told))
    for room in ("user:ann", "topic:deals", *(f"user:{n}" for n in range(50))):
        back = await store.streams.span(room, after=0, limit=count + 10)
        assert back == [n for n in told.values() if n.room == room and n.seq is not None]
    assert await store.streams.notification(odd[1].id) == told[odd[1].id]


async def test_of_an_erased_user_the_archive_cannot_be_read_any_more(store, files, folder):
    await put(store, notification(ANN, title=SECRET, body=SECRET, data={"of": SECRET}, mail=None))
    await put(store, notification(BEN, title="of ben"), notification("all"))
    clock = Hour()
    await put_all_away(store, files, clock)
    before = await everything(store, files, ["ann", "ben"], ["all"])

    await store.people.erase_user("ann", ANN, now=later(1))
    # Whoever comes back under the name has another key.
    await fill(store, ANN, 1, created_at=later(2))
    await put_all_away(store, files, clock)

    after = await everything(store, files, ["ann", "ben"], ["all"])
    assert [kept.notification.title for kept in before] == [SECRET, "of ben", "A title"]
    assert [kept.notification.title for kept in after] == ["A title", "of ben", "A title"]
    reader = DepotReader(store.archive, files, progress=quietly)
    names = await reader.pieces()
    checked = await reader.verify(names)
    assert (checked.rows, checked.sealed, checked.faults) == (4, 1, {})
    done = await reader.restore(names, now=NOW)
    assert (done.rows, done.sealed) == (3, 1)
    for each in folder.glob("*.gz"):
        text = gzip.decompress(each.read_bytes())
        assert SECRET.encode() not in text
        assert ANN.encode() not in text


class Meanwhile:
    """Forwards to what it stands for, and has something else happen behind its n-th call."""

    def __init__(self, target: object, happen, calls: int) -> None:
        self._target = target
        self._happen = happen
        self.left = calls

    def __getattr__(self, name):
        method = getattr(self._target, name)

        async def call(*args, **kwargs):
            answer = await method(*args, **kwargs)
            self.left -= 1
            if self.left == -1:
                await self._happen()
            return answer

        return call


async def test_who_is_erased_at_any_moment_of_putting_away_cannot_be_read(store, other, files, monkeypatch):
    monkeypatch.setattr(writing, "PAUSE_SECONDS", 0)
    clock = Hour()
    calls = 0
    is_over = False
    while not is_over:
        user = f"ann{calls}"
        await put(store, notification(f"user:{user}", title=SECRET, body=SECRET, data={"of": SECRET}))

        async def erase(user: str = user) -> None:
            await other.people.erase_user(user, f"user:{user}", now=later(1))

        shelf = Meanwhile(store.archive, erase, calls)
        one = archivist(shelf, files, clock, rows=3)  # type: ignore[arg-type]
        while await one.prune(before=TOMORROW):
            pass
        is_over = shelf.left >= 0
        clock.outlast_a_lease()
        read = [
            kept
            async for kept in DepotReader(store.archive, files, progress=quietly).of_user(
                user, await _names(store, files)
            )
        ]
        assert is_over == any(kept.notification.title == SECRET for kept in read), calls
        calls += 1
    assert calls > 8


async def test_who_is_being_erased_while_all_is_put_away_cannot_be_read(store, other, files, monkeypatch):
    """Where erasing takes several writes: behind each of them."""
    if not isinstance(store, MongoStore):
        return  # it erases in one write
    clock = Hour()
    for place, shelf in enumerate(store.people._shelves):  # noqa: SLF001 - between any two of them
        user = f"ann{place}"
        await put(store, notification(f"user:{user}", title=SECRET, body=SECRET))
        await store.archive.keys([user])
        erased = shelf.erase

        async def erase(*args, erased=erased):
            answer = await erased(*args)
            await put_all_away(other, files, clock)
            return answer

        monkeypatch.setattr(shelf, "erase", erase)
        await store.people.erase_user(user, f"user:{user}", now=later(1))
        monkeypatch.undo()

        read = [
            kept
            async for kept in DepotReader(store.archive, files, progress=quietly).of_user(
                user, await _names(store, files)
            )
        ]
        assert [kept.notification.title for kept in read if kept.notification.title] == [], type(shelf)


async def test_who_was_erased_since_it_was_read_is_not_put_back(store, other, files, monkeypatch):
    """Before it is put back, and, where that takes several writes, behind the look whether it may be."""
    users = ["ann", "bob"]
    for user in users:
        await put(store, notification(f"user:{user}", title=SECRET, body=SECRET))
    (many,) = await put(store, notification("all", title="of all"))
    await put_all_away(store, files, Hour())
    kept = await everything(store, files, users, ["all"])
    await other.people.erase_user("ann", "user:ann", now=later(9))
    if isinstance(store, MongoStore):
        insert = restoring.insert_new

        async def erase_and_insert(*args):
            await other.people.erase_user("bob", "user:bob", now=later(9))
            return await insert(*args)

        monkeypatch.setattr(restoring, "insert_new", erase_and_insert)
    else:
        await other.people.erase_user("bob", "user:bob", now=later(9))

    assert await store.archive.restore(kept, user_of, now=later(10)) == 1

    back = [await store.streams.notification(each.notification.id) for each in kept]
    assert [each.title for each in back if each is not None and each.title] == ["of all"]
    assert await store.streams.notification(many.id) is not None


async def test_a_byte_that_was_changed_is_found(tmp_path, sqlite_store):
    """Of one file of two, wherever it is; the other is read all the same."""
    files = depot(f"file://{tmp_path}")
    await fill(sqlite_store, ANN, 6)
    await put_all_away(sqlite_store, files, Hour())
    reader = DepotReader(sqlite_store.archive, files, progress=quietly)
    name = "notifications-2026-11-0002"
    for ending in (CONTENT, MANIFEST):
        whole = await files.get(name + ending)
        assert whole is not None
        for place in {*range(0, len(whole), len(whole) // 9), len(whole) - 1}:
            await files.put(name + ending, whole[:place] + bytes([whole[place] ^ 0x11]) + whole[place + 1 :])

            checked = await reader.verify(await reader.pieces())

            assert set(checked.faults) == {name}, (ending, place)
            assert checked.rows == 4
            with pytest.raises(DepotDamaged):
                await reader.restore([name], now=NOW)
        await files.put(name + ending, whole)
    assert (await reader.verify([name])).faults == {}


@pytest.fixture
async def sqlite_store(tmp_path):
    store = SQLiteStore(tmp_path / "store.db")
    await store.open()
    yield store
    await store.close()


async def test_what_was_changed_as_a_whole_and_consistently_is_found_by_its_seal(tmp_path, sqlite_store):
    """Whoever writes a file and its manifest anew can leave out what he likes, and change nothing that is sealed."""
    files = depot(f"file://{tmp_path}")
    await fill(sqlite_store, ANN, 2)
    await put_all_away(sqlite_store, files, Hour())
    name = "notifications-2026-11-0001"
    content = await files.get(name + CONTENT)
    assert content is not None
    first, second = unpacked(content)
    forged = [
        json.dumps(
            {
                "id": one.id,
                "at": "2026-11-22T08:27:41Z",
                "type": "NOTE",
                "key": one.key,
                "sealed": other.sealed,
            }
        )
        for one, other in ((first, second), (second, first))
    ]
    content = packed([f"{line}\n".encode() for line in forged])
    await files.put(name + CONTENT, content)
    await files.put(name + MANIFEST, opened(name, content)[0].text())

    checked = await DepotReader(sqlite_store.archive, files, progress=quietly).verify([name])

    assert checked.faults == {name: "what is sealed in it was changed"}


class Unwritable:
    """A depot that is full, until it is not."""

    def __init__(self, files: Depot) -> None:
        self._files = files
        self.is_full = True
        self.get = files.get
        self.names = files.names

    async def put(self, name: str, content: bytes) -> None:
        if self.is_full:
            raise DepotUnavailable("the folder: No space left on device")
        await self._files.put(name, content)


class Forgetful(Unwritable):
    """One that says it has what it does not have."""

    async def put(self, name: str, content: bytes) -> None:
        await self._files.put(name, content[:-1] if self.is_full else content)


@pytest.mark.parametrize("depot_of", [Unwritable, Forgetful])
async def test_while_the_archive_cannot_be_written_nothing_is_deleted_and_that_is_told(
    store, files, depot_of
):
    await fill(store, ANN, 3)
    full = depot_of(files)
    clock = Hour()
    one = archivist(store.archive, full, clock)
    keeper = Housekeeper(
        store.streams, store.outbox, lambda: later(9 * 86_400), history_days=1, archivist=one
    )

    await keeper.tidy()
    told, failures = one.concerns(), one.failures
    there = await sequences(store, ANN)
    full.is_full = False
    wiped, pruned = await keeper.sweep()

    assert failures == 1
    assert len(told) == 1
    assert told[0].startswith("archive: it cannot be written, and nothing old is deleted: ")
    assert there == [1, 2, 3]
    assert (wiped, pruned, one.put_away, one.concerns()) == (0, 3, 3, [])
    assert await sequences(store, ANN) == []


async def test_a_node_that_cannot_write_leaves_it_to_one_that_can(store, other, files):
    await fill(store, ANN, 3)
    clock = Hour()
    one = archivist(store.archive, Unwritable(files), clock)
    two = archivist(other.archive, files, clock)

    assert await one.prune(before=TOMORROW) == 0
    assert one.concerns()
    assert await two.prune(before=TOMORROW) == 3
    await fill(store, ANN, 1)
    assert await one.prune(before=TOMORROW) == 0
    assert one.concerns() == []
    assert await two.prune(before=TOMORROW) == 1


async def test_what_another_has_deleted_without_putting_it_away_holds_up_nothing(store, files):
    await fill(store, ANN, 2)
    await fill(store, BEN, 2)
    clock = Hour()
    fate = Fate(4)
    doomed = Doomed(store.archive, fate)
    with pytest.raises(Killed):
        await archivist(doomed, Doomed(files, fate), clock).prune(before=TOMORROW)  # type: ignore[arg-type]
    await store.streams.prune(before=TOMORROW, limit=1)
    clock.outlast_a_lease()
    one: Archivist = archivist(store.archive, files, clock)

    assert await one.prune(before=TOMORROW) == 0
    assert await one.prune(before=TOMORROW) == 3
    assert len(await everything(store, files, ["ann", "ben"], [])) == 3


async def test_what_is_recalled_while_it_is_put_away_is_recalled_there_and_comes_back_so(
    store, files, monkeypatch
):
    one, _ = await fill(store, ANN, 2)
    real = files.put

    async def slow(name: str, content: bytes) -> None:
        await real(name, content)
        await store.streams.recall(one.id, now=later(1))

    with monkeypatch.context() as patched:
        patched.setattr(files, "put", slow)
        assert await put_all_away(store, files, Hour()) == 0
    assert await put_all_away(store, files, Hour(later(7_200))) == 2

    reader = DepotReader(store.archive, files, progress=quietly)
    await reader.restore(await reader.pieces(), now=later(2))
    back = await store.streams.notification(one.id)
    assert (back.title, back.recalled_at) == ("", later(1))


@pytest.mark.parametrize("moment", ["kept", "chosen"])
async def test_what_is_recalled_as_it_goes_goes_as_recalled_and_comes_back_so(
    store, other, files, monkeypatch, moment
):
    """Behind the file, and, where that takes several writes, behind the look at what goes."""
    one, two = await fill(store, ANN, 2)
    where, name = (store.archive, "keep")
    if moment == "chosen" and isinstance(store, MongoStore):
        where, name = (clearing, "removable")
    real = getattr(where, name)

    async def done_and_recalled(*args, **given):
        answer = await real(*args, **given)
        await other.streams.recall(two.id, now=later(1))
        return answer

    with monkeypatch.context() as patched:
        patched.setattr(where, name, done_and_recalled)
        await put_all_away(store, files, Hour())
    while await put_all_away(store, files, Hour(later(7_200))):
        pass
    assert await store.streams.notification(two.id) is None

    reader = DepotReader(store.archive, files, progress=quietly)
    await reader.restore(await reader.pieces(), now=later(2))
    back = [await store.streams.notification(each.id) for each in (one, two)]
    assert [(each.title, each.recalled_at) for each in back] == [(one.title, None), ("", later(1))]


async def test_whose_turn_is_over_deletes_nothing(store, files):
    """Another has taken over while this one was away with its file half written."""
    await fill(store, ANN, 2)
    clock = Hour()

    class Slow(Unwritable):
        async def put(self, name: str, content: bytes) -> None:
            await files.put(name, content)
            clock.outlast_a_lease()
            self.turn = await store.archive.lead("two", lease_seconds=60, now=clock())

    slow = Slow(files)

    assert await archivist(store.archive, slow, clock).prune(before=TOMORROW) == 0
    assert await sequences(store, ANN) == [1, 2]
    piece = await store.archive.begin(before=TOMORROW, limit=9, turn=slow.turn)
    assert piece is not None
    assert piece.state is PieceState.OPEN


async def test_mail_and_marks_are_put_away_with_what_they_are_of(store, files):
    (told,) = await put(store, notification(ANN, collapse=Collapse("order:1")))
    (owing,) = await put(store, notification(ANN, mail=mail()))
    await store.inboxes.read(Selection("ann", [ANN], [told.id], now=later(1)))
    await store.outbox.drop([owing.id], rule="campaign", reason="taken back", now=later(2))

    await put_all_away(store, files, Hour())

    first, second = await everything(store, files, ["ann"], [])
    assert first.receipt is not None
    assert first.receipt.read_at == later(1)
    assert first.notification.collapse == Collapse("order:1")
    assert second.notification.mail is not None
    assert (second.notification.mail.order.to, second.notification.mail.reason) == (
        "ann@example.org",
        "taken back",
    )
    shown = await store.inboxes.history(HistoryQuery(user="ann", rooms=[ANN]), now=later(3))
    assert shown.items == ()
