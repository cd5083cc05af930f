"""`bellhop campaign …`: making campaigns, importing their recipients, running them and watching, through a running node.

Each command is one question to the node, or several of the same (`check`, `--watch`). What a campaign may do
is judged there. The import has a file of its own, `campaign_import`.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from typing import Any

from gateway.process import calling, campaign_import, settings
from gateway.process.calling import Failure, NodeClient
from gateway.process.campaign_import import INTERRUPTED
from gateway.process.progress import show, show_no_more
from gateway.process.subcommand import Subcommand

WATCH_SECONDS = 1.0
"""Between two looks."""
BAR_CHARACTERS = 30
"""The width of the bar."""
OVER = ("finished", "cancelled")
"""States after which nothing happens by itself."""


def _describe(parser: argparse.ArgumentParser) -> None:
    """Give the parser the commands of campaigns."""
    commands = parser.add_subparsers(required=True, dest="campaign", metavar="COMMAND", title="commands")

    def command(name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        """A command that asks a node."""
        added = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        calling.describe(added)
        added.set_defaults(run=run)
        return added

    def of_one(name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        """A command on one campaign."""
        added = command(name, run, text)
        added.add_argument("id", metavar="ID", help="the campaign's id")
        return added

    _describe_create(command("create", _create, "make a campaign, as a draft, and print its id"))
    campaign_import.describe(
        of_one("import", campaign_import.run, "import recipients into a draft, from CSV or NDJSON")
    )
    of_one("check", _check, "count what would become of the recipients now; nothing is sent")
    test = of_one("test", _test, "send the campaign's mail to a few addresses")
    test.add_argument("to", nargs="+", metavar="ADDRESS", help="ten at most")
    test.add_argument("--locale", metavar="TAG", help="the language, such as de")
    test.add_argument("--variant", metavar="NAME", help="one of several ways to say it (default: the first)")
    for name, text in (
        ("start", "start a campaign, now or at its time"), ("resume", "go on with a paused campaign"),
    ):  # fmt: skip
        started = of_one(name, _moved, text)
        started.add_argument("--watch", action="store_true", help="show its progress until it is over")
    of_one("pause", _moved, "have nothing more leave for now")
    of_one("cancel", _cancel, "end a campaign for good")
    of_one("retry", _retry, "try the dead mails again")
    choose = of_one("choose", _choose, "have those who wait for a variant get this one")
    choose.add_argument("variant", metavar="VARIANT", help="its name")
    status = of_one("status", _status, "show what became of the recipients so far")
    status.add_argument("--watch", action="store_true", help="until it is over")
    command("list", _list, "list campaigns, newest first")


def _describe_create(parser: argparse.ArgumentParser) -> None:
    """Give the parser what a new campaign may say."""
    parser.add_argument("--name", required=True, help="what it is called among you")
    parser.add_argument("--type", required=True, help="a type of the catalog, of the lane bulk")
    parser.add_argument(
        "--data", type=calling.json_object, default={}, metavar="JSON", help="what its words are made of"
    )
    who = parser.add_mutually_exclusive_group()
    who.add_argument("--topic", help="for the members of a topic (default: for whom you import)")
    who.add_argument("--users", action="store_true", help="for all users who are known")
    parser.add_argument("--locale", metavar="TAG", help="of --users, those who read this language")
    parser.add_argument(
        "--attribute", action="append", default=[], type=_attribute, metavar="NAME=VALUE",
        help="of --users, those who have this attribute; VALUE is JSON, or a text; may be repeated",
    )  # fmt: skip
    parser.add_argument("--in-app", metavar="ROOM", help="tell the same in the app: topic:<name> or all")
    parser.add_argument("--send-at", metavar="TIME", help="begin then, such as 2026-12-01T09:00:00+01:00")
    parser.add_argument(
        "--local-time",
        metavar="HH:MM",
        help="by each recipient's own clock, the first such time from the beginning on",
    )
    parser.add_argument("--rate", type=int, metavar="N", help="mails a minute at most")
    parser.add_argument(
        "--texts", type=calling.json_object, default={}, metavar="JSON", help="its own texts, by language"
    )
    parser.add_argument(
        "--experiment", type=calling.json_object, default={}, metavar="JSON",
        help="an object of variants and of the experiment that tries them, as the API takes them",
    )  # fmt: skip


def _attribute(text: str) -> tuple[str, Any]:
    """A name and a value: JSON, or the text itself where it is none. Raises `ArgumentTypeError`.

    `plan="pro"` and `plan=pro` are the same text, `seats=5` is a number: JSON is tried first.
    """
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise argparse.ArgumentTypeError("it reads NAME=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


# --- what they do


class _Campaigns:
    """The campaigns of a running node."""

    def __init__(self, given: argparse.Namespace) -> None:
        self.line = NodeClient(given, settings.load())

    def ask(self, method: str, path: str = "", body: object = None) -> Any:
        """Ask something of campaigns; answers the decoded JSON. Raises `Failure`."""
        text = b"" if body is None else json.dumps(body).encode()
        return json.loads(self.line.ask(method, f"/internal/campaigns{path}", text))


def _create(given: argparse.Namespace) -> int:
    """Make a draft and print its id.

    The id is all that is printed, so that a script can go on with it. Raises `Failure` for options that
    contradict each other.
    """
    audience: Any = "import"
    if given.topic is not None:
        audience = {"topic": given.topic}
    elif given.users:
        asked = {"locale": given.locale, "attributes": dict(given.attribute) or None}
        audience = {"users": {name: value for name, value in asked.items() if value is not None}}
    elif given.locale is not None or given.attribute:
        raise Failure("--locale and --attribute choose among --users", 2)
    body = {
        "name": given.name, "type": given.type, "data": given.data, "audience": audience, "in_app": given.in_app,
        "send_at": given.send_at, "local_time": given.local_time,
        "rate": given.rate, "texts": given.texts, **given.experiment,
    }  # fmt: skip
    print(_Campaigns(given).ask("POST", body=body)["id"])
    return 0


def _check(given: argparse.Namespace) -> int:
    """Add up what would become of all recipients, part by part.

    One question for each thousand recipients. People who come or go meanwhile may be counted or not.
    """
    campaigns = _Campaigns(given)
    total = {"looked_at": 0, "send": 0, "dead": 0}
    later: dict[str, int] = {}
    skipped: dict[str, int] = {}
    after = None
    while True:
        part = campaigns.ask("POST", f"/{given.id}/dry_run", {} if after is None else {"after": after})
        for name in total:
            total[name] += part[name]
        for sums, found in ((later, part["later"]), (skipped, part["skipped"])):
            for rule, number in found.items():
                sums[rule] = sums.get(rule, 0) + number
        show(f"{total['looked_at']:,} looked at")
        after = part["next"]
        if after is None:
            break
    show_no_more()
    print(f"{total['looked_at']:,} recipients: {total['send']:,} would be sent it now")
    for word, sums in (("later", later), ("skipped", skipped)):
        for rule, number in sorted(sums.items()):
            print(f"  {number:,} {word} by {rule}")
    if total["dead"]:
        print(f"  {total['dead']:,} whose data do not fit")
    return 0


def _test(given: argparse.Namespace) -> int:
    """Send the mail to a few addresses and print the mails' ids."""
    body = {"to": given.to, "locale": given.locale, "variant": given.variant}
    mails = _Campaigns(given).ask("POST", f"/{given.id}/test", body)["mails"]
    print("\n".join(mails))
    return 0


def _moved(given: argparse.Namespace) -> int:
    """Start, resume or pause a campaign: the command's name is that of the route.

    Exit code 0 when the node has done it; with `--watch`, that of the watching.
    """
    campaigns = _Campaigns(given)
    told = campaigns.ask("POST", f"/{given.id}/{given.campaign}")
    if getattr(given, "watch", False):
        return _watched(campaigns, given.id)
    print(told["state"] + (f" from {told['send_at']}" if told["state"] == "scheduled" else ""))
    return 0


def _cancel(given: argparse.Namespace) -> int:
    """End a campaign for good.

    Those that were being sent cannot be held back, and are counted by themselves.
    """
    told = _Campaigns(given).ask("POST", f"/{given.id}/cancel")
    print(f"cancelled: {told['cancelled']:,} get nothing any more, {told['under_way']:,} were being sent")
    return 0


def _retry(given: argparse.Namespace) -> int:
    """Try its dead mails again."""
    print(f"{_Campaigns(given).ask('POST', f'/{given.id}/retry')['retried']:,} are tried again")
    return 0


def _choose(given: argparse.Namespace) -> int:
    """Choose a variant."""
    told = _Campaigns(given).ask("POST", f"/{given.id}/choose", {"variant": given.variant})
    print(f"those who wait get {told['results']['chosen']}")
    return 0


def _status(given: argparse.Namespace) -> int:
    """Print how far it has come, once or until it is over."""
    campaigns = _Campaigns(given)
    if given.watch:
        return _watched(campaigns, given.id)
    _print_status(campaigns.ask("GET", f"/{given.id}"))
    return 0


def _list(given: argparse.Namespace) -> int:
    """A line for each campaign, of the newest page.

    Such as `0190…  2026-12-01T09:00  running    Autumn sale`, by the widths that states have.
    """
    for each in _Campaigns(given).ask("GET")["campaigns"]:
        print(f"{each['id']}  {each['created_at'][:16]}  {each['state']:9}  {each['name']}")
    return 0


def _watched(campaigns: _Campaigns, campaign_id: str) -> int:
    """Show its progress until it is over. Exit code 1 where it did not come to a good end.

    Ctrl-C ends the watching alone. A pause ends it too: somebody has to do something.
    """
    try:
        while True:
            told = campaigns.ask("GET", f"/{campaign_id}")
            show(_bar(told))
            if told["state"] in (*OVER, "paused"):
                break
            time.sleep(WATCH_SECONDS)
    except KeyboardInterrupt:
        show_no_more()
        print("bellhop: not watched any more; the campaign goes on", file=sys.stderr)
        return INTERRUPTED
    show_no_more()
    _print_status(told)
    return 0 if told["state"] == "finished" and told["accounting"]["exact"] else 1


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


def _print_status(told: dict[str, Any]) -> None:
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


CAMPAIGN = Subcommand(
    name="campaign",
    help="make campaigns, import their recipients, run them and watch",
    more="Through a running node. What a campaign is stands in docs/newsletters.md.",
    describe=_describe,
)
