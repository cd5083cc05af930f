"""How a campaign fares, on a terminal: its state and accounting in words, and a bar while it is watched."""

import sys
import time
from collections.abc import Callable
from typing import Any

from gateway.process.calling import Unreachable
from gateway.process.campaign_import import INTERRUPTED
from gateway.process.progress import show, show_no_more

WATCH_SECONDS = 1.0
"""Between two looks."""
UNANSWERED_SECONDS = 120.0
"""How long nobody may answer while it is watched, as while a node is put in another's place."""
BAR_CHARACTERS = 30
"""The width of the bar."""
OVER = ("finished", "cancelled")
"""States after which nothing happens by itself."""


def watched(ask: Callable[[], Any]) -> int:
    """Show its progress until it is over; `ask` answers what the node tells of it. Exit code 1 where it did not come to a good end.

    Ctrl-C ends the watching alone. A pause ends it too: somebody has to do something. Raises `Unreachable` where nobody
    answers the first look, or a later one for `UNANSWERED_SECONDS`.
    """
    try:
        told = ask()
        show(_bar(told))
        while told["state"] not in (*OVER, "paused"):
            time.sleep(WATCH_SECONDS)
            told = _looked_again(ask)
            show(_bar(told))
    except KeyboardInterrupt:
        show_no_more()
        print("bellhop: not watched any more; the campaign goes on", file=sys.stderr)
        return INTERRUPTED
    show_no_more()
    print_status(told)
    return 0 if told["state"] == "finished" and told["accounting"]["exact"] else 1


def _looked_again(ask: Callable[[], Any]) -> Any:
    """What the node tells, as soon as one does. Raises `Unreachable`."""
    until = time.monotonic() + UNANSWERED_SECONDS
    while True:
        try:
            return ask()
        except Unreachable:
            if time.monotonic() >= until:
                show_no_more()
                raise
        time.sleep(WATCH_SECONDS)


def _bar(told: dict[str, Any]) -> str:
    """The progress in one line.

    Over is who is sent, skipped, dead or cancelled; who waits is not.
    """
    sums = told["accounting"]
    over = sums["sent"] + sums["skipped"] + sums["dead"] + sums["cancelled"]
    share = over / sums["imported"] if sums["imported"] else 0.0
    filled = int(share * BAR_CHARACTERS)
    bar = "█" * filled + "░" * (BAR_CHARACTERS - filled)
    return f"{told['state']} {bar} {over:,} of {sums['imported']:,} ({share:.0%}), {sums['sent']:,} sent"


def print_status(told: dict[str, Any]) -> None:
    """What became of the recipients, so that the sum can be seen to come out.

    Such as `1,000 = 0 pending + 10 owed + 980 sent + …`. What is told of mail later (delivered, clicked) is a
    part of those sent.
    """
    sums = told["accounting"]
    print(f"{told['name']}: {told['state']}" + (f", {told['reason']}" if told["reason"] else ""))
    parts = ("pending", "owed", "sent", "skipped", "dead", "cancelled")
    print(f"{sums['imported']:,} = " + " + ".join(f"{sums[part]:,} {part}" for part in parts))
    for rule, number in sorted(sums["skipped_by"].items()):
        print(f"  {number:,} skipped by {rule}")
    for heard in ("delivered", "bounced", "complained", "clicked"):
        if sums[heard]:
            print(f"  {sums[heard]:,} of those sent {heard}")
    if told["results"]:
        _print_results(told["results"], told["experiment"]["metric"])
    if not sums["exact"]:
        print("  the accounting does not come out even: tell the makers of Bellhop")


def _print_results(results: dict[str, Any], metric: str) -> None:
    """How the variants did, with intervals of 95 %.

    A line for each variant, and one with the verdict; rates are in percent here.
    """
    beside = {each["variant"]: each for each in results["comparisons"]}
    did = "clicked" if metric == "click" else "converted"
    for each in results["variants"]:
        told = f"  {each['name']}: {each['converted']:,} of {each['sent']:,} {did}, {each['rate']:.2%} ({each['low']:.2%} to {each['high']:.2%})"
        if (compared := beside.get(each["name"])) is not None:
            told += f"; {compared['difference']:+.2%} to the first ({compared['low']:+.2%} to {compared['high']:+.2%})"
        print(told)
    verdict = results["winner"] if results["verdict"] == "winner" else results["verdict"].replace("_", " ")
    planned = f"{results['people']:,} recipients on trial are planned for"
    print(
        f"  {results['rule']}: {verdict}; {planned}"
        + (f"; {results['chosen']} is chosen" if results["chosen"] else "")
    )
