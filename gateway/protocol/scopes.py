"""Who may ask what: every operation with the scope that a service needs for it, as `docs/scopes.md` has it.

`python -m gateway.protocol.scopes` writes the table into that page; a test says when it is not what the operations say.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from auth.principal import ADMIN, Service
from gateway.protocol.operation import CAMPAIGNS, EMIT, USER, Operation
from gateway.protocol.operations import OPERATIONS

PAGE = Path(__file__).parents[2] / "docs" / "scopes.md"
SCOPES = (EMIT, CAMPAIGNS, ADMIN)
BEGIN, END = "<!-- written by gateway.protocol.scopes -->\n", "<!-- end -->\n"


def table() -> str:
    """The operations, those of services by the scope that is enough, then those of users."""
    return "\n".join(
        ["| asked by | what | " + " | ".join(SCOPES) + " |", "|---|---|---|---|---|", *_rows(), ""]
    )


def page(text: str) -> str:
    """The page's text with the table as it is now."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}{table()}{END}{rest.partition(END)[2]}"


def _rows() -> Iterator[str]:
    for scope in SCOPES:
        yield from (_row(operation) for operation in OPERATIONS if operation.scope == scope)
    for operation in OPERATIONS:
        if operation.scope == USER:
            yield f"| {_asked(operation)} | {operation.summary} | the user's own token |||"


def _row(operation: Operation) -> str:
    may = [Service(name="x", scopes=frozenset({scope})).may(operation.scope) for scope in SCOPES]
    marks = ["yes" if each else "" for each in may] if operation.route is not None else ["", "", ""]
    return f"| {_asked(operation)} | {operation.summary} | {' | '.join(marks)} |"


def _asked(operation: Operation) -> str:
    route = "" if operation.route is None else f"`{operation.route.method} {operation.route.path}`"
    event = "" if operation.event is None else f"`{operation.event}`"
    return ", ".join(filter(None, (route, event)))


def main() -> int:
    """Write the table."""
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
