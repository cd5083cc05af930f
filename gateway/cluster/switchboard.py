"""The switchboard: hands each command of the bus to whom it is for."""

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
    """Knows who carries out which kind of command on this node: one for each."""

    def __init__(self) -> None:
        self._carry_out: dict[type[Command], Callable[[Any], None]] = {}
        self._unknown = Seldom(logger, "orders that this release does not know are dropped")

    def connect(self, kind: type[C], carry_out: Callable[[C], None]) -> None:
        """Have `carry_out` get the commands of this kind; it never waits."""
        self._carry_out[kind] = carry_out

    def carry_out(self, command: Command | Unknown) -> None:
        """Take a command of the bus. Unknown ones are left to newer releases."""
        if isinstance(command, Unknown):
            self._unknown.say(order=command.name[:NAME_CHARACTERS])
            return
        carry_out = self._carry_out.get(type(command))
        if carry_out is not None:
            carry_out(command)
