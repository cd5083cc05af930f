"""`bellhop archive`: lists, verifies, reads and puts back what was put away, by the store and the archive of
the settings in force.

It parses what is given and prints what came; what an archive holds and how it is read is of
`gateway.notify.archive`. Output is one line a piece or notification, for other programs; sentences go to the
standard error.
"""

import argparse
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from gateway.process import progress
from gateway.process.at_store import FAILED, WELL, WRONG, failed, in_store
from gateway.process.subcommand import Subcommand

if TYPE_CHECKING:
    # Only the types: the command line is read without them.
    from gateway.ground.settings import Settings
    from gateway.notify.archive.reading import DepotReader
    from storage.archive import ArchivedNotification

SubcommandWork = Callable[[argparse.Namespace, "Settings", "DepotReader"], Awaitable[int]]
"""What a command does: takes what was given, the settings and the archive's reader, and answers the exit code."""


def _describe(parser: argparse.ArgumentParser) -> None:
    """Give the parser the four commands."""
    commands = parser.add_subparsers(required=True, dest="archive", metavar="WHAT", title="what")

    def command(
        name: str, work: SubcommandWork, text: str, more: str = "", *, wanted: str = "*"
    ) -> argparse.ArgumentParser:
        """A command on pieces; without any it is on all that there are."""
        added = commands.add_parser(
            name, help=text, description=f"{text[0].upper()}{text[1:]}. {more}".strip()
        )
        added.add_argument(
            "pieces",
            nargs=wanted,
            metavar="PIECE",
            help="one of the list, as notifications-2026-05-0001, or all of a month, as 2026-05",
        )
        added.set_defaults(run=lambda given: _run(given, work))
        return added

    command("list", _list, "list the pieces", "Name, notifications, bytes, and from when to when they are.")
    command(
        "verify",
        _verify,
        "read pieces and compare them with their manifests",
        "Exit code 1, with a reason a line, when one is not what it must be.",
    )
    read = command(
        "read",
        _read,
        "print what was put away of one room, a notification a line, as JSON",
        "Of a user who was erased there is nothing. Exit code 1 when there is nothing.",
    )
    whose = read.add_mutually_exclusive_group(required=True)
    whose.add_argument("--user", metavar="ID", help="what was addressed to this user alone")
    whose.add_argument("--room", metavar="ROOM", help="what was addressed to a room of many, as topic:deals")
    command(
        "restore",
        _restore,
        "put pieces back into the store that they came from, as read",
        "What is there stays as it is, so it may be done again. The pieces stay in the archive.",
        wanted="+",
    )


def _run(given: argparse.Namespace, work: SubcommandWork) -> int:
    """Open the store and the archive, have the work done, and turn what fails into a sentence and an exit code.

    Exit code 2 where there is no archive or no such piece, 1 where the archive cannot be read.
    """
    from gateway.notify.archive.settings import ArchiveSettings
    from gateway.process import settings

    in_force = settings.load()
    place = in_force[ArchiveSettings].place
    if place is None:
        return failed("there is no archive: set BELLHOP_ARCHIVE_URL to what the gateway has", WRONG)
    from gateway.notify.archive.depot import DepotError
    from gateway.notify.archive.opening import opener
    from gateway.notify.archive.reading import DepotReader
    from storage.store import Store

    # Keys of erased users are in the store: the archive alone cannot be read.
    async def at(store: Store) -> int:
        try:
            depot = await opener(place, store.shared_secret)()
            return await work(given, in_force, DepotReader(store.archive, depot, progress=_show))
        except LookupError as error:
            progress.show_no_more()
            return failed(f"there is no piece or month {error.args[0]} in the archive", WRONG)
        except DepotError as error:
            progress.show_no_more()
            return failed(f"the archive: {error}", FAILED)
        finally:
            progress.show_no_more()

    return in_store(at)


def _show(done: int, of: int) -> None:
    """Progress, where somebody looks on."""
    progress.show(f"{done} of {of} pieces")


async def _list(given: argparse.Namespace, in_force: "Settings", reader: "DepotReader") -> int:
    """A line for each piece; one whose manifest is damaged is told with its fault, and makes the exit code 1.

    Such as `notifications-2026-05-0001  10000  1234567  2026-05-01T…  2026-05-31T…`.
    """
    del in_force
    code = WELL
    async for each in reader.listed(await reader.pieces(given.pieces)):
        if (manifest := each.manifest) is None:
            print(f"{each.name}  {each.fault}")
            code = FAILED
        else:
            span = f"{manifest.first_at}  {manifest.last_at}"
            print(f"{each.name}  {manifest.rows:6}  {manifest.size:10}  {span}")
    return code


async def _verify(given: argparse.Namespace, in_force: "Settings", reader: "DepotReader") -> int:
    """Read every byte of the pieces and compare; what is wrong is a line each.

    What is of erased users cannot be read by anybody, which is as it should be: it is counted, and no fault.
    """
    del in_force
    names = await reader.pieces(given.pieces)
    found = await reader.verify(names)
    progress.show_no_more()
    for name, fault in found.faults.items():
        print(f"{name}: {fault}")
    print(
        f"{len(names) - len(found.faults)} of {len(names)} pieces are whole, with {found.rows} notifications, of which"
        f" {found.sealed} are of erased users and cannot be read"
    )
    return FAILED if found.faults else WELL


async def _read(given: argparse.Namespace, in_force: "Settings", reader: "DepotReader") -> int:
    """Print what was put away of one room.

    Of a user it is the room of that user alone; what was told in shared rooms is found by those.
    """
    del in_force
    names = await reader.pieces(given.pieces)
    found = reader.of_room(given.room, names) if given.user is None else reader.of_user(given.user, names)
    if await _print(found):
        return WELL
    return failed("the archive has nothing of this room that can be read", FAILED)


async def _print(found: "AsyncIterator[ArchivedNotification]") -> int:
    """Each once: what was put back and put away again is in two pieces.

    Answers how many were printed. The ids are kept, so memory grows with what one room has.
    """
    from gateway.notify.archive.lines import told

    printed: set[str] = set()
    async for kept in found:
        if kept.notification.id not in printed:
            printed.add(kept.notification.id)
            progress.show_no_more()
            print(told(kept))
    return len(printed)


async def _restore(given: argparse.Namespace, in_force: "Settings", reader: "DepotReader") -> int:
    """Put pieces back, unless they would be put away again at once.

    Safe to repeat: what is there stays. A crash leaves some of it back, and the rest in the archive as
    before.
    """
    from gateway.notify.settings import StoreSettings

    names = await reader.pieces(given.pieces)
    now = datetime.now(UTC)
    days = in_force[StoreSettings].history_days
    # Before anything is put back: half of a month would be deleted while the other half comes.
    age = max([now - datetime.fromisoformat(each) async for each in _beginnings(reader, names)])
    if days and age > timedelta(days=days):
        return failed(
            "what comes back would be put away again at once, for its age: first set BELLHOP_HISTORY_DAYS on every node to"
            f" more than {age.days}, or to 0",
            WRONG,
        )
    done = await reader.restore(names, now=now)
    progress.show_no_more()
    print(
        f"{done.rows} notifications are back; {done.there} were there, or have no place there; {done.sealed} are of erased"
        " users and cannot be read"
    )
    return WELL


async def _beginnings(reader: "DepotReader", names: list[str]) -> AsyncIterator[str]:
    """The time of the oldest notification of each piece. Raises `DepotDamaged` for a piece that cannot be read."""
    from gateway.notify.archive.depot import DepotDamaged

    async for each in reader.listed(names):
        if each.manifest is None:
            raise DepotDamaged(f"{each.name}: {each.fault}")
        yield each.manifest.first_at


ARCHIVE = Subcommand(
    name="archive",
    help="list, verify, read and put back what was put away of the history",
    more="By the store and BELLHOP_ARCHIVE_URL of the settings in force. Gateways may run meanwhile.",
    describe=_describe,
)
