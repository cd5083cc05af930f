"""What the signals of its operator mean to a process of Bellhop, from its first moment to its last.

SIGTERM, SIGINT and SIGQUIT stop it calmly; asked twice it hurries, asked three times it ends at once. SIGHUP ends it when
its terminal was closed; else it asks for a reload of the catalog. SIGUSR1 and SIGUSR2 have no meaning. None of them kills.

Imports nothing that takes time: what comes while the rest is imported must be held already.

It is the only module that holds state for the whole process: signals are the process's own.
`gateway.process.lifetime` says what follows from them.
"""

import os
import signal
from collections.abc import Callable
from types import FrameType

STOPS = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGQUIT})
"""Those that ask for a stop."""
OTHERS = frozenset({signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2})
"""Those that would kill a process that does not take them."""
SERVICES = frozenset({"serve", "mail", "bounces", "demo"})
"""The commands that last, and so are stopped by signals; the others end as every command does."""
AT_ONCE = 3
"""How often one must ask for a stop until there is no waiting any more."""
AT_ONCE_CODE = 130
"""The exit code then; as of Ctrl-C."""

React = Callable[[signal.Signals], None]
"""Called in the main thread between two of its instructions; it may take no lock."""

_arrived: list[signal.Signals] = []
"""Signals that came before anybody handled them."""
_react: React = _arrived.append
"""Takes a signal; keeps it, until somebody handles them."""
_stops = 0
"""How often a stop was asked for."""
_had_terminal = False
"""Whether there was one when signals were first held."""


def hold() -> None:
    """Take the process's signals, and keep them for who will `handle` them; idempotent.

    Only in the main thread, as Python has it.
    """
    global _had_terminal  # noqa: PLW0603 - signals are the process's own, as is this
    _had_terminal = _had_terminal or _has_terminal()
    for number in STOPS | OTHERS:
        # What nohup has switched off stays off.
        if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _take)


def handle(react: React) -> None:
    """Have `react` called for each signal, those that came already included.

    It is called in the main thread, in the middle of whatever that does.

    Called once; `react` must do with being called for a signal while it is called for another.
    """
    global _react  # noqa: PLW0603 - as above
    _react = react
    while _arrived:
        react(_arrived.pop(0))


def terminal_has_gone() -> bool:
    """Whether the terminal that the process was started from has been closed.

    False for a process that never had one, as under a supervisor.
    """
    return _had_terminal and not _has_terminal()


def _take(number: int, _: FrameType | None) -> None:
    """The handler of every signal."""
    global _stops  # noqa: PLW0603 - as above
    if number in STOPS:
        _stops += 1
        if _stops >= AT_ONCE:
            # Whatever hangs: nothing is let go of any more, which an operator has asked for three times.
            os._exit(AT_ONCE_CODE)
    _react(signal.Signals(number))


def _has_terminal() -> bool:
    """Whether the process has a controlling terminal now."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK))
    except OSError:
        return False
    return True
