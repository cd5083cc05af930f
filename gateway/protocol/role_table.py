"""Who may ask which operation, as a table for the documentation: `python -m gateway.protocol.role_table`."""

import sys

from auth.principal import Role
from gateway.protocol.operation import USER, Operation
from gateway.protocol.operations import OPERATIONS


def markdown() -> str:
    """A row for each operation that is not every user's own."""
    rows = [_row(operation) for operation in OPERATIONS if operation.scope != USER]
    heads = ["operation", "event", "route", *reversed(Role), "audited"]
    return "\n".join([_line(heads), _line(["---"] * len(heads)), *map(_line, rows)])


def _row(operation: Operation) -> list[str]:
    route, audit = operation.route, operation.audit
    return [
        f"`{operation.name}`",
        "" if operation.event is None else f"`{operation.event}`",
        "" if route is None else f"`{route.method} {route.path}`",
        *("yes" if role.covers(operation.role) else "" for role in reversed(Role)),
        "" if audit is None else "yes" if audit.of_services else "people",
    ]


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def main() -> int:
    """Print it."""
    print(markdown())  # noqa: T201 - it is a command
    return 0


if __name__ == "__main__":
    sys.exit(main())
