"""What tests of the archive share: an archivist with a depot, run to its end, and all that is in there."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta

from gateway.notify.archive.depot import Depot
from gateway.notify.archive.opening import depot_at
from gateway.notify.archive.places import place
from gateway.notify.archive.reading import DepotReader
from gateway.notify.archive.writing import LEASE_SECONDS, Archivist
from storage.archive import Archive, ArchivedNotification
from storage.store import Store
from tests.contract.store_cases import NOW, later

TOMORROW = later(86_400)


def quietly(done: int, of: int) -> None:
    """Nobody looks on."""
    del done, of


def depot(url: str, folder: str = "store") -> Depot:
    return depot_at(place(url), folder)


class Hour:
    """A clock that is set."""

    def __init__(self, at: datetime = NOW) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def outlast_a_lease(self) -> None:
        self.at += timedelta(seconds=LEASE_SECONDS + 1)


def archivist(shelf: Archive, depot: Depot, clock: Hour, *, rows: int = 4) -> Archivist:
    async def opened() -> Depot:
        return depot

    return Archivist(shelf, opened, clock, holder="node", piece_rows=rows)


async def put_all_away(store: Store, depot: Depot, clock: Hour, *, rows: int = 4) -> int:
    """By whoever comes next; answers how many notifications that were."""
    clock.outlast_a_lease()
    one = archivist(store.archive, depot, clock, rows=rows)
    put_away = 0
    while count := await one.prune(before=TOMORROW):
        put_away += count
    await one.stop()
    return put_away


async def everything(
    store: Store, depot: Depot, users: Sequence[str], rooms: Sequence[str]
) -> list[ArchivedNotification]:
    """All that can be read of these."""
    reader = DepotReader(store.archive, depot, progress=quietly)
    names = await reader.pieces()
    found = [await _all(reader.of_user(user, names)) for user in users]
    found += [await _all(reader.of_room(room, names)) for room in rooms]
    return [kept for each in found for kept in each]


async def _all(found: AsyncIterator[ArchivedNotification]) -> list[ArchivedNotification]:
    return [each async for each in found]
