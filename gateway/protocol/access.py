"""Who may ask what: every operation with the scopes and roles that are enough for it, as `docs/access.md` has it.

`python -m gateway.protocol.access` writes the table into that page; a test says when it is not what the operations say.

Only the command and the test call it; no process of a node does.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from auth.principal import Role, Service
from gateway.protocol.operation import CAMPAIGNS, EMIT, USER, Operation
from gateway.protocol.operations import OPERATIONS

PAGE = Path(__file__).parents[2] / "docs" / "access.md"
"""The page in the sources; an installed package has none."""
SCOPES = (EMIT, CAMPAIGNS)
"""The scopes that have a column. `admin` is no scope to be given for one thing, so it has none."""
ROLES = tuple(reversed(Role))
"""The strongest last, as a reader expects."""
BEGIN, END = "<!-- written by gateway.protocol.access -->\n", "<!-- end -->\n"


def table() -> str:
    """The operations in their order, those of users last.

    Markdown, one line for each operation; what has several ways to be asked has one line.
    """
    heads = ("asked by", "what", *SCOPES, *ROLES, "audited")
    return "".join(map(_line, (heads, ("---",) * len(heads), *_rows())))


def page(text: str) -> str:
    """The page's text with the table as it is now.

    A text without the marks gets the table at its end, which the test sees.
    """
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}{table()}{END}{rest.partition(END)[2]}"


def _rows() -> Iterator[tuple[str, ...]]:
    """The cells of each line, in the order of the table of operations."""
    for operation in OPERATIONS:
        if operation.scope != USER:
            yield (_asked(operation), operation.summary, *_marks(operation), _audited(operation))
    for operation in OPERATIONS:
        if operation.scope == USER:
            yield (_asked(operation), operation.summary, "the user's own token", *[""] * (len(ROLES) + 2))


def _marks(operation: Operation) -> Iterator[str]:
    """Whether each scope is enough, and then each role.

    It asks the same functions that judge a real caller, so that the page cannot differ from what holds.
    """
    for scope in SCOPES:
        may = Service(name="x", scopes=frozenset({scope})).may(operation.scope)
        # Services have no connection.
        yield "yes" if may and operation.route is not None else ""
    for role in ROLES:
        yield "yes" if role.covers(operation.role) else ""


def _audited(operation: Operation) -> str:
    """Whether it is written down: of everybody, of people alone, or not at all."""
    if operation.audit is None:
        return ""
    return "yes" if operation.audit.of_services else "people"


def _asked(operation: Operation) -> str:
    """How it is asked: its route, its event, or both."""
    route = "" if operation.route is None else f"`{operation.route.method} {operation.route.path}`"
    event = "" if operation.event is None else f"`{operation.event}`"
    return ", ".join(filter(None, (route, event)))


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |\n"


def main() -> int:
    """Write the table."""
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
