"""A mark answers how much is unread of what its reader is shown: by what is muted as it answers, not as it was asked."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gateway.notify.inboxes.reading import Reading
from storage.histories import Muted
from storage.sqlite import SQLiteStore
from tests.contract.store_cases import NOW, notification, put

NO_OFFERS = Muted(types=frozenset({"OFFER"}), own="user:ann")


class Told:
    """A fan-out that keeps what it was given."""

    def __init__(self) -> None:
        self.badges: list[int] = []

    async def transient(self, room: str, event: str, payload: Mapping[str, Any]) -> None:
        assert (room, event) == ("user:ann", "inbox")
        self.badges.append(payload["unread"])


class Choosing:
    """The mutes of somebody who makes up her mind while she is asked: each look finds the next."""

    def __init__(self, *found: Muted | None) -> None:
        self._found: Iterator[Muted | None] = iter(found)

    async def of(self, user: str) -> Muted | None:
        assert user == "ann"
        return next(self._found)


async def test_what_is_muted_while_something_is_marked_is_not_in_the_answer(tmp_path: Path):
    store = SQLiteStore(tmp_path / "store.db")
    await store.open()
    one, *_ = await put(
        store, *(notification("all", type=type_) for type_ in ("NOTE", "NOTE", "OFFER", "OFFER"))
    )
    told = Told()

    def reading(*found: Muted | None) -> Reading:
        return Reading(inboxes=store.inboxes, fanout=told, clock=lambda: NOW, mutes=Choosing(*found))  # type: ignore[arg-type]

    # As it is asked, as it is answered, and as it is counted anew.
    marked = await reading(None, NO_OFFERS, NO_OFFERS).read("ann", ["all"], [one.id])
    again = await reading(NO_OFFERS, NO_OFFERS).read("ann", ["all"], [one.id])
    all_read = await reading(NO_OFFERS, None, None).read("ann", ["all"], None)

    assert (marked.changed, marked.unread, marked.heads) == (1, 1, {"all": 4})
    assert (again.changed, again.unread) == (0, 1)
    assert (all_read.changed, all_read.unread) == (3, 0)
    assert told.badges == [1, 0]
    await store.close()
