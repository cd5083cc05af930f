"""The switchboard: hands each command of the bus to whom it is for.

Parts name their commands by `commands()`; the composition connects them. It knows no command itself.
"""

import logging
from collections.abc import Callable
from typing import Any, TypeVar

from gateway.cluster.commands import Command, Unknown
from gateway.ground.logs import Seldom

NAME_CHARACTERS = 40
"""Shown of the name of an unknown command."""

C = TypeVar("C", bound=Command)

logger = logging.getLogger(__name__)


class Switchboard:
    """Knows who carries out which kind of command on this node: one for each.

    Made and filled before the bus starts. A second one of a kind takes the place of the first.
    """

    def __init__(self) -> None:
        self._carry_out: dict[type[Command], Callable[[Any], None]] = {}
        self._unknown = Seldom(logger, "commands that this release does not know are dropped")

    def connect(self, kind: type[C], carry_out: Callable[[C], None]) -> None:
        """Have `carry_out` get the commands of this kind; it never waits.

        `carry_out` runs on the loop, while the socket of the bus is read.
        """
        self._carry_out[kind] = carry_out

    def carry_out(self, command: Command | Unknown) -> None:
        """Take a command of the bus. Unknown ones are left to newer releases.

        One that nobody here carries out is dropped: a process may have fewer parts than another. What a
        carrier raises is not caught here: the bus logs it and reads on.
        """
        if isinstance(command, Unknown):
            self._unknown.say(command=command.name[:NAME_CHARACTERS])
            return
        carry_out = self._carry_out.get(type(command))
        if carry_out is not None:
            carry_out(command)
