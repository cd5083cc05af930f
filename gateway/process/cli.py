"""The `bellhop` command. Exit codes: 0 well, 1 failed, 2 wrong settings or usage.

It knows the table of commands and how a command ends. What a command does is in its own file.
"""

import argparse
import errno
import os
import sys
from collections.abc import Sequence

from gateway.catalog.commands import describe as describe_catalog
from gateway.ground.settings import SettingsError
from gateway.observe.metrics import release
from gateway.process import outlet, signals
from gateway.process.archiving import ARCHIVE
from gateway.process.calling import Failure
from gateway.process.campaigning import CAMPAIGN
from gateway.process.configuring import CONFIG
from gateway.process.demonstrating import DEMO
from gateway.process.emitting import EMIT
from gateway.process.exporting import EXPORT
from gateway.process.laning import LANES
from gateway.process.restoring import STORE
from gateway.process.serving import BOUNCES, MAIL, SERVE
from gateway.process.signing import TOKEN
from gateway.process.subcommand import Run, Subcommand
from gateway.process.suppressing import SUPPRESSIONS
from gateway.process.zoning import DNS

CATALOG = Subcommand(
    name="catalog",
    help="make, check, render and import a catalog of types",
    more="What a catalog's folder holds is in docs/catalog.md. FOLDER is the one with its catalog.toml.",
    describe=describe_catalog,
)
"""From `gateway.catalog`, which may not import this room."""
COMMANDS = (
    SERVE,
    MAIL,
    BOUNCES,
    DEMO,
    CONFIG,
    TOKEN,
    EMIT,
    CAMPAIGN,
    CATALOG,
    SUPPRESSIONS,
    EXPORT,
    ARCHIVE,
    LANES,
    DNS,
    STORE,
)
"""All of them, in the order in which the help names them. Each is said in a file of its own."""
FULL = (errno.ENOSPC, errno.EDQUOT)
"""How a system says that there is no room left, on the disk or for this user."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and answer its exit code.

    `arguments` are given by tests and by who embeds it; then signals and streams of the process stay as they
    are.

    A mistake in the settings is 2, what a command says of itself is its own code, and a reader who has gone
    is no failure.
    """
    given = _parser().parse_args(arguments)
    if arguments is None and given.command in signals.SERVICES:
        # The process is ours alone, and shall neither wait for a reader nor die of a signal.
        # Before the command imports what it runs: a signal that comes meanwhile must not kill.
        signals.hold()
        outlet.install()
    run: Run = given.run
    try:
        code = run(given)
        # Here, so that a reader who has gone is found while it can be caught.
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
        # Whoever read us has read enough.
        _write_no_more()
        return 0
    except OSError as error:
        # Of what is written out, a full disk is to be expected; anything else is told in full.
        if error.errno not in FULL:
            raise
        _write_no_more()
        print(f"bellhop: not all could be written: {error.strerror}", file=sys.stderr)
        return 1
    return code


def _write_no_more() -> None:
    """Have what is still to be written go nowhere: the interpreter's own last flush must not complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> argparse.ArgumentParser:
    """The parser with all commands. Making it must import nothing that takes time."""
    parser = argparse.ArgumentParser(
        prog="bellhop",
        description="A self-hosted Socket.IO gateway for notifications: every tab, every history, every mailbox.",
        epilog="Settings come from the environment, BELLHOP_…; `bellhop config` lists them. To see it work: bellhop demo",
    )
    parser.add_argument("--version", action="version", version=f"bellhop {release()}")
    commands = parser.add_subparsers(required=True, dest="command", metavar="COMMAND", title="commands")
    for command in COMMANDS:
        command.add_to(commands)
    return parser
