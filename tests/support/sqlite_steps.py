"""How much SQLite does for a question: in steps of its machine, which no other work of the computer changes."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any


def steps_of(path: Path, ask: Callable[[sqlite3.Connection], Any]) -> tuple[Any, int]:
    """What `ask` answers on a connection of its own to the file, and how many steps SQLite has taken for it."""
    steps = 0

    def step() -> None:
        nonlocal steps
        steps += 1

    with sqlite3.connect(path) as connection:
        connection.set_progress_handler(step, 1)
        return ask(connection), steps
