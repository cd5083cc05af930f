"""The `bellhop` command. Exit codes: 0 well, 1 failed, 2 wrong settings or usage."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path

from marshmallow import ValidationError

from auth.errors import KeyConfigurationError
from auth.tokens import Signer
from gateway.access.settings import KeySettings
from gateway.catalog.commands import describe as describe_catalog
from gateway.catalog.settings import CatalogSettings
from gateway.ground import logs, places
from gateway.ground.logs import LogSettings
from gateway.ground.settings import Settings, SettingsError
from gateway.ground.values import duration
from gateway.mail.settings import BounceSettings, MailSettings
from gateway.observe.metrics import release
from gateway.process import (
    archiving,
    calling,
    campaigning,
    exporting,
    laning,
    outlet,
    settings,
    signals,
    suppressing,
    zoning,
)
from gateway.process.calling import Failure


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and answer its exit code."""
    given = _parser().parse_args(arguments)
    if arguments is None and given.command in signals.SERVICES:
        # The process is ours alone, and shall neither wait for a reader nor die of a signal.
        signals.hold()
        outlet.install()
    run: Callable[[argparse.Namespace], int] = given.run
    try:
        code = run(given)
        sys.stdout.flush()
    except SettingsError as error:
        for problem in error.problems:
            print(f"bellhop: {problem}", file=sys.stderr)
        print("bellhop: `bellhop config` shows what is in force", file=sys.stderr)
        return 2
    except Failure as error:
        print(f"bellhop: {error}", file=sys.stderr)
        return error.code
    except KeyboardInterrupt:
        # What the shell itself would say of it.
        return 130
    except BrokenPipeError:
        # Whoever read us has read enough. The interpreter's own last flush must not complain either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


# --- what there is


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bellhop",
        description="A self-hosted Socket.IO gateway for notifications: every tab, every history, every mailbox.",
        epilog="Settings come from the environment, BELLHOP_…; `bellhop config` lists them. To see it work: bellhop demo",
    )
    parser.add_argument("--version", action="version", version=f"bellhop {release()}")
    commands = parser.add_subparsers(required=True, dest="command", metavar="COMMAND", title="commands")

    def command(
        name: str, run: Callable[[argparse.Namespace], int], text: str, more: str = ""
    ) -> argparse.ArgumentParser:
        added = commands.add_parser(
            name, help=text, description=f"{text[0].upper()}{text[1:]}. {more}".strip(),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        added.set_defaults(run=run)
        return added

    command(
        "serve", _serve, "run a node: both sites, and the mail worker unless BELLHOP_MAIL_WORKER=false",
        "SIGTERM and Ctrl-C drain it; asked twice, it hurries.",
    )  # fmt: skip
    command("mail", _mail, "run the mail worker alone", "SIGTERM and Ctrl-C let it finish what it holds.")
    command(
        "bounces", _bounces, "take mail that comes back, by LMTP or SMTP, or collect it from a mailbox",
        "Where is said by BELLHOP_BOUNCE_LISTEN, which needs BELLHOP_BOUNCE_DOMAIN and the extra `bounces`, and BELLHOP_BOUNCE_IMAP_URL.",
    )  # fmt: skip
    _describe_demo(command("demo", _demo, "run everything on the embedded defaults, with links to open"))
    config = command(
        "config", _config, "print the settings in force, secrets masked, and where each came from",
        "Exit code 2, and the reasons, when they cannot work.",
    )  # fmt: skip
    config.add_argument("--markdown", action="store_true", help="print the reference of all settings instead")
    _describe_token(command("token", _token, "print a token of a user, signed with BELLHOP_JWT_SECRET"))
    _describe_emit(command("emit", _emit, "emit a notification through a running node"))
    campaigning.describe(
        commands.add_parser(
            "campaign",
            help="make campaigns, import their recipients, run them and watch",
            description="Through a running node. What a campaign is stands in docs/newsletters.md.",
        )
    )
    catalog = commands.add_parser(
        "catalog", help="make, check, render and import a catalog of types",
        description="What a catalog's folder holds is in docs/catalog.md. FOLDER is the one with its catalog.toml.",
    )  # fmt: skip
    describe_catalog(catalog)
    suppressing.describe(
        commands.add_parser(
            "suppressions",
            help="take over or write out the addresses that must not be written to",
            description="As CSV, by the store of the settings in force. Gateways may run meanwhile.",
        )
    )
    exporting.describe(
        commands.add_parser(
            "export",
            help="write out what the statistics are counted from",
            description="By the store of the settings in force. Gateways may run meanwhile.",
        )
    )
    archiving.describe(
        commands.add_parser(
            "archive",
            help="list, verify, read and put back what was put away of the history",
            description="By the store and BELLHOP_ARCHIVE_URL of the settings in force. Gateways may run meanwhile.",
        )
    )
    laning.describe(
        commands.add_parser(
            "lanes",
            help="how the mail of each lane fares; pause or resume bulk mail",
            description="By the store of the settings in force. Gateways may run meanwhile. Exit code 1 while a lane is paused.",
        )
    )
    zoning.describe(
        commands.add_parser(
            "dns",
            help="print the DNS records that mail wants, or look whether they are there",
            description="For the settings in force. Exit code 1, with a reason a line, when --check or --send finds fault.",
        )
    )
    _describe_store(command("store", _store, "tell what was done to the store"))
    return parser


def _describe_demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dir", type=Path, default=Path("var/demo"), metavar="FOLDER",
        help="where its secrets, its store and its mail are kept, from one time to the next (default: var/demo)",
    )  # fmt: skip
    parser.add_argument(
        "--empty", action="store_true", help="begin with nothing; else a demo that is new has a day behind it"
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        type=_tcp_hosts,
        help="address of both sites, or several with commas between (default: 127.0.0.1)",
    )
    parser.add_argument(
        "--port", type=_port, default=8080, help="port of the public site (default: 8080; 0: any)"
    )
    parser.add_argument(
        "--internal-port", type=_port, default=8081, help="port of the internal site (default: 8081; 0: any)"
    )


def _describe_token(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sub", required=True, metavar="ID", help="the user's id")
    parser.add_argument("--role", action="append", default=[], help="a role, such as admin; may be repeated")
    parser.add_argument(
        "--topic", action="append", default=[], help="a topic the user hears; may be repeated"
    )
    parser.add_argument("--email", metavar="ADDRESS", help="where the user's mail goes")
    parser.add_argument("--name", help="what the user is called")
    parser.add_argument("--locale", metavar="TAG", help="the language the user reads, such as de or pt-BR")
    parser.add_argument(
        "--ttl",
        type=_ttl,
        default=timedelta(hours=1),
        help="how long it holds: 90s, 15m, 1h, 7d (default: 1h)",
    )


def _describe_emit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--to", required=True, action="append", metavar="ROOM",
        help="user:<id>, topic:<name>, admins or all; may be repeated",
    )  # fmt: skip
    parser.add_argument("--type", required=True, help="capitals, digits and _, such as ORDER_UPDATE")
    parser.add_argument(
        "--title", help="1 to 200 characters; may be left out where the catalog has words for the type"
    )
    parser.add_argument("--body", help="the text, 4000 characters at most")
    parser.add_argument("--link", metavar="URL", help="an absolute path, or an http(s) URL")
    parser.add_argument(
        "--data", type=calling.json_object, metavar="JSON", help="an object for the pages to use"
    )
    parser.add_argument("--locale", metavar="TAG", help="the language of the type's words, for all readers")
    parser.add_argument(
        "--email", action="store_true", help="mail it too, to the address last seen in the user's token"
    )
    parser.add_argument("--idempotency-key", metavar="KEY", help="makes it safe to repeat this command")
    calling.describe(parser)


def _describe_store(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "done", choices=["restored"],
        help="restored: it was put back from a backup; its sequences begin a new epoch, and clients fetch their history anew",
    )  # fmt: skip


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return int(text)


def _tcp_hosts(text: str) -> str:
    try:
        hosts = [places.place(item.strip()) for item in text.split(",")]
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if any(map(places.is_unix, hosts)):
        raise argparse.ArgumentTypeError("the demo is for browsers, which open no unix socket")
    return text


def _ttl(text: str) -> timedelta:
    try:
        seconds = duration(text)
    except ValidationError:
        seconds = 0
    if not 1 <= seconds <= 10 * 366 * 86400:
        raise argparse.ArgumentTypeError("a time such as 90s, 15m, 1h or 7d, ten years at most")
    return timedelta(seconds=seconds)


# --- what they do


def _serve(given: argparse.Namespace) -> int:
    del given
    in_force = _in_force(serving=True)
    from gateway.process import node

    return node.run(in_force)


def _mail(given: argparse.Namespace) -> int:
    del given
    in_force = _in_force(serving=False)
    from gateway.process.mail_office import MailOffice

    return MailOffice.run(in_force)


def _bounces(given: argparse.Namespace) -> int:
    del given
    in_force = _in_force(serving=False)
    bounces = in_force[BounceSettings]
    if bounces.domain is None and bounces.mailbox is None:
        raise Failure(
            "there is nowhere that mail comes back to: set BELLHOP_BOUNCE_DOMAIN or BELLHOP_BOUNCE_IMAP_URL",
            2,
        )
    from gateway.process.bounce_office import BounceOffice, place_of

    if place_of(bounces) is not None and find_spec("aiosmtpd") is None:
        raise Failure("the extra `bounces` is not installed: without it there is BELLHOP_BOUNCE_IMAP_URL", 2)
    return BounceOffice.run(in_force)


def _in_force(*, serving: bool) -> Settings:
    """The settings, with which the log begins. What runs by them is imported after: a mistake is told at once."""
    in_force = settings.load(serving=serving)
    logs.configure(in_force[LogSettings].level, in_force[LogSettings].format)
    return in_force


def _demo(given: argparse.Namespace) -> int:
    from gateway.process import demo

    try:
        return demo.run(
            given.dir,
            host=given.host,
            port=given.port,
            internal_port=given.internal_port,
            seeded=not given.empty,
        )
    except (OSError, ValueError) as error:
        raise Failure(f"the demo cannot use {given.dir}: {error}") from error


def _config(given: argparse.Namespace) -> int:
    if given.markdown:
        print(settings.markdown())
        return 0
    entries = settings.survey()
    width = max(len(entry.setting.variable) for entry in entries)
    for entry in entries:
        print(f"{entry.setting.variable:{width}}  {entry.shown or '-':40}  {entry.origin}")
    sys.stdout.flush()
    in_force = settings.load()
    if in_force[MailSettings].templates is not None:
        from gateway.mail.part import check_templates
        from mailer.errors import MailConfigurationError

        try:
            check_templates(in_force[MailSettings])
        except MailConfigurationError as error:
            raise Failure(f"{error}", 2) from error
    if (catalog := in_force[CatalogSettings].folder) is not None:
        _check_catalog(catalog)
    return 0


def _check_catalog(folder: Path) -> None:
    from gateway.catalog.loading import load
    from gateway.catalog.problems import CatalogError

    try:
        load(folder)
    except CatalogError as error:
        for mistake in error.mistakes:
            print(mistake, file=sys.stderr)
        raise Failure(error.summary, 2) from error


def _token(given: argparse.Namespace) -> int:
    keys = settings.load()[KeySettings]
    if not keys.jwt_secrets:
        raise Failure("there is nothing to sign with: set BELLHOP_JWT_SECRET to what the gateway has", 2)
    signer = Signer(keys.jwt_secrets[0], audience=keys.jwt_audience, issuer=keys.jwt_issuer)
    try:
        token = signer.sign(
            given.sub, ttl=given.ttl, roles=given.role, topics=given.topic, email=given.email, name=given.name,
            locale=given.locale,
        )  # fmt: skip
    except (ValueError, KeyConfigurationError) as error:
        raise Failure(f"{error}", 2) from error
    print(token)
    return 0


def _emit(given: argparse.Namespace) -> int:
    in_force = settings.load()
    body = {
        "to": given.to if len(given.to) > 1 else given.to[0],
        "type": given.type, "title": given.title, "body": given.body, "link": given.link, "data": given.data,
        "locale": given.locale, "email": given.email or None,
    }  # fmt: skip
    headers = {} if given.idempotency_key is None else {"Idempotency-Key": given.idempotency_key}
    present = {name: value for name, value in body.items() if value is not None}
    line = calling.Line(given, in_force)
    print(line.ask("POST", "/internal/emit", json.dumps(present).encode(), headers=headers, wanted=(202,)))
    return 0


def _store(given: argparse.Namespace) -> int:
    del given  # there is one thing so far that can be done to it
    in_force = settings.load()
    import asyncio

    from gateway.process.restored import begin_new_epoch
    from storage.errors import StorageError

    try:
        epoch = asyncio.run(begin_new_epoch(in_force))
    except StorageError as error:
        raise Failure(f"{error}") from error
    print(f"epoch {epoch}")
    return 0
