"""Progress of a command: one line that is written over, where somebody looks on.

It goes to the standard error, so that the output can be read by a program. There is at most one such line in
a process.
"""

import sys


def show(text: str) -> None:
    """Nothing where nobody looks on: a log shall not be full of it.

    The line is erased first: a shorter text leaves nothing of the longer one.
    """
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[2K{text}")
        sys.stderr.flush()


def show_no_more() -> None:
    """What is written next has the line for itself. May be called at any time, also where nothing was shown."""
    show("")
