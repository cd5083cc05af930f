"""What each command of `bellhop` says for itself; `gateway.process.cli` has the table of them.

It stands apart so that a command and the table need not import each other.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass

Run = Callable[[argparse.Namespace], int]
"""Does what was asked for, and answers the exit code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subcommand:
    """One command: its name, what its help says, and its options.

    A constant of the module that carries it out.
    """

    name: str
    """As it is typed."""
    help: str
    """What it does, in a line without a capital."""
    more: str = ""
    """What its own help says beside."""
    describe: Callable[[argparse.ArgumentParser], None]
    """Gives its parser the options, and as the default of `run` the `Run`."""

    def add_to(self, commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
        """Add it to the parser of all commands."""
        description = f"{self.help[0].upper()}{self.help[1:]}. {self.more}".strip()
        self.describe(commands.add_parser(self.name, help=self.help, description=description))


def plain(run: Run) -> Callable[[argparse.ArgumentParser], None]:
    """Of a command without options."""

    def describe(parser: argparse.ArgumentParser) -> None:
        parser.set_defaults(run=run)

    return describe
