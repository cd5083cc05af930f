"""Progress of a command: one line that is written over, where somebody looks on."""

import sys


def show(text: str) -> None:
    """Nothing where nobody looks on: a log shall not be full of it."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[2K{text}")
        sys.stderr.flush()


def show_no_more() -> None:
    """What is written next has the line for itself."""
    show("")
