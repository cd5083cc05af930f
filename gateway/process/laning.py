"""`bellhop lanes`: how the mail of each lane fares, and pausing or resuming bulk mail.

It works at the store, so that it works also while no node runs. Nodes see a pause when they look next.
"""

import argparse
import json
from typing import TYPE_CHECKING

from gateway.process.at_store import FAILED, WELL, WRONG, failed, in_store
from gateway.process.subcommand import Subcommand

if TYPE_CHECKING:
    # Only the types: the command line is read without them.
    from gateway.notify.lanes.book import LaneBook, LanePage, LaneStatus
    from storage.store import Store

BY = "cli"
"""Who has paused it, as it is shown."""


def _describe(parser: argparse.ArgumentParser) -> None:
    """Give the parser its commands; without one the lanes are shown."""
    parser.set_defaults(run=_show)
    parser.add_argument("--json", action="store_true", help="as GET /internal/lanes answers it")
    commands = parser.add_subparsers(dest="lanes", metavar="COMMAND", title="commands")
    pauses = commands.add_parser(
        "pause", help="have no more bulk mail leave, on any node, until it is resumed"
    )
    pauses.add_argument("--reason", metavar="TEXT", help="what is shown to whoever asks why")
    pauses.set_defaults(run=_pause)
    resumes = commands.add_parser(
        "resume", help="have bulk mail leave again; only what is sent from now on is judged"
    )
    resumes.set_defaults(run=_resume)


def _show(given: argparse.Namespace) -> int:
    """Print the lanes."""

    async def show(store: "Store") -> int:
        return _told(await _lanes(store).page(), as_json=given.json)

    return in_store(show)


def _pause(given: argparse.Namespace) -> int:
    """Pause bulk mail; exit code 0 although a lane is paused, as that is what was asked.

    Raises nothing for a reason that is not printable: it is told with exit code 2.
    """
    from gateway.protocol.lanes import PauseSchema
    from gateway.protocol.parsing import Invalid, parser

    reason = {} if given.reason is None else {"reason": given.reason}
    try:
        asked = parser(PauseSchema())({"lane": "bulk", **reason})
    except Invalid as error:
        return failed(str(error), WRONG)

    async def pause(store: "Store") -> int:
        return _told(await _lanes(store).pause(asked, by=BY), as_json=False, paused=WELL)

    return in_store(pause)


def _resume(given: argparse.Namespace) -> int:
    """Have bulk mail leave again."""
    del given

    async def resume(store: "Store") -> int:
        from gateway.notify.lanes.book import BRAKED

        return _told(await _lanes(store).resume(BRAKED, by=BY), as_json=False)

    return in_store(resume)


def _lanes(store: "Store") -> "LaneBook":
    """The lanes as a gateway of these settings has them; it tells nobody, and the gateways look for themselves."""
    from gateway.ground.clock import Timekeeper
    from gateway.notify.lanes.book import LaneBook, bounds_of
    from gateway.notify.lanes.settings import BrakeSettings
    from gateway.process import settings

    return LaneBook(store.lanes, bounds_of(settings.load()[BrakeSettings]), Timekeeper())


def _told(page: "LanePage", *, as_json: bool, paused: int = FAILED) -> int:
    """Print it; the exit code is `paused` while a lane is."""
    if as_json:
        from gateway.protocol import lanes

        print(json.dumps(lanes.page(page), indent=2))
    else:
        for lane in page.lanes:
            print(_line(lane))
    return paused if any(lane.state.paused for lane in page.lanes) else WELL


def _line(lane: "LaneStatus") -> str:
    """One lane for people.

    With `PAUSED` on a line of its own, so that it is seen.
    """
    health = lane.health
    told = (
        f"{lane.name:14} {health.mails} mails, {health.bounced} came back{_rate(health.bounce_rate)},"
        f" {health.complained} called spam{_rate(health.complaint_rate)}"
    )
    paused = lane.state.paused
    if paused is None:
        return told
    return f"{told}\n{'':14} PAUSED since {paused.at:%Y-%m-%d %H:%M UTC} by {paused.by}: {paused.reason}"


def _rate(rate: float | None) -> str:
    """A rate in percent; nothing where too few mails were sent."""
    return "" if rate is None else f" ({rate * 100:.3g} %)"


LANES = Subcommand(
    name="lanes",
    help="how the mail of each lane fares; pause or resume bulk mail",
    more="By the store of the settings in force. Gateways may run meanwhile. Exit code 1 while a lane is paused.",
    describe=_describe,
)
