"""Who may ask what: every operation with the scopes and roles that are enough for it, as `docs/access.md` has it.

`python -m gateway.protocol.access` writes the table into that page; a test says when it is not what the operations say.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from auth.principal import Role, Service
from gateway.protocol.operation import CAMPAIGNS, EMIT, USER, Operation
from gateway.protocol.operations import OPERATIONS

PAGE = Path(__file__).parents[2] / "docs" / "access.md"
SCOPES = (EMIT, CAMPAIGNS)
ROLES = tuple(reversed(Role))
BEGIN, END = "<!-- written by gateway.protocol.access -->\n", "<!-- end -->\n"


def table() -> str:
    """The operations in their order, those of users last."""
    heads = ("asked by", "what", *SCOPES, *ROLES, "audited")
    return "".join(map(_line, (heads, ("---",) * len(heads), *_rows())))


def page(text: str) -> str:
    """The page's text with the table as it is now."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}{table()}{END}{rest.partition(END)[2]}"


def _rows() -> Iterator[tuple[str, ...]]:
    for operation in OPERATIONS:
        if operation.scope != USER:
            yield (_asked(operation), operation.summary, *_marks(operation), _audited(operation))
    for operation in OPERATIONS:
        if operation.scope == USER:
            yield (_asked(operation), operation.summary, "the user's own token", *[""] * (len(ROLES) + 2))


def _marks(operation: Operation) -> Iterator[str]:
    """Whether each scope is enough, and then each role."""
    for scope in SCOPES:
        may = Service(name="x", scopes=frozenset({scope})).may(operation.scope)
        # Services have no connection.
        yield "yes" if may and operation.route is not None else ""
    for role in ROLES:
        yield "yes" if role.covers(operation.role) else ""


def _audited(operation: Operation) -> str:
    if operation.audit is None:
        return ""
    return "yes" if operation.audit.of_services else "people"


def _asked(operation: Operation) -> str:
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
