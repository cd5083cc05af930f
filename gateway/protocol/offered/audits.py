"""Who did what.

Reading the audit is not written down in it: it changes nothing for anybody.
"""

from auth.principal import Role
from gateway.protocol import audits
from gateway.protocol.operation import Operation, Route

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="audit", role=Role.VIEWER, summary="Who did what, newest first",
        asks=audits.AuditSchema, answers=audits.AuditAnswer,
        use=lambda use, _, asked: use.audit.page(asked), shape=audits.page,
        route=Route(
            method="GET", path="/internal/audit",
            description="Each operation that changes something for people is written down before it is done, with who has asked for it.",
        ),
        event="audit",
    ),
)  # fmt: skip
