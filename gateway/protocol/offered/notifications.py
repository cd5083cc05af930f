"""Notifications: emitting them, looking one up, taking it back, and the histories that admins read.

What is emitted by backends is not written down of services, who do it all day; of admins it is.
"""

from auth.principal import Role
from gateway.protocol import (
    asking,
    batch,
    deeds,
    emit,
    shapes,
    tracing,
)
from gateway.protocol.answers.emitting import EmittedAnswer, PreviewAnswer, ResultsAnswer
from gateway.protocol.answers.notifications import AdminHistoryAnswer, RecordAnswer, RecordWithReceiptsAnswer
from gateway.protocol.deeds import OF_ID
from gateway.protocol.operation import EMIT, AuditRule, Operation, Route, id_in
from gateway.protocol.patterns import KEY
from gateway.protocol.uses import emitting
from gateway.protocol.uses.histories import any_history
from gateway.protocol.uses.records import notification, recall, trace

_KEY_HEADER = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "A retry under the same key is the same notification.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": f"^{KEY}$"},
}
"""The key beside the body; within a batch it stands in each item."""

EMIT_ONE = Operation(
    name="emit", scope=EMIT, summary="Emit a notification",
    audit=AuditRule(target=deeds.room_of, detail=deeds.emit, of_services=False),
    asks=emit.EmitSchema, answers=EmittedAnswer, use=emitting.emit, shape=shapes.emitted,
    route=Route(
        method="POST", path="/internal/emit", status=202,
        description="When this answers 202 the notification is stored, and cannot be lost any more.",
        problems=("idempotency_mismatch", "rate_limited", "unknown_type"), headers=(_KEY_HEADER,),
        answer_headers={"Idempotency-Replayed": {"schema": {"type": "string", "enum": ["true"]}}},
    ),
    event="emit", refused=lambda use, error: use.emitter.refuse(error),
)  # fmt: skip
"""By name, since the internal site answers it itself: with a bound of its own, and a header for a repetition."""

EMIT_MANY = Operation(
    name="emit_many", scope=EMIT, summary="Emit up to 1000 notifications",
    asks=emit.BatchSchema, answers=ResultsAnswer, use=emitting.emit_many, shape=batch.results,
    route=Route(
        method="POST", path="/internal/emit/batch", status=207,
        description="Each item is answered for itself, in order: a bad one does not spoil the others. An item has 64 KiB at most, the whole 16 MiB and 10,000 notifications, each room of each item counted; more is 413.",
        problems=("rate_limited",),
    ),
)  # fmt: skip
"""By name for the same reason. Its items are not judged by `asks`, which only describes them."""

OPERATIONS: tuple[Operation, ...] = (
    EMIT_ONE,
    EMIT_MANY,
    Operation(
        name="preview", summary="Whom an emit would reach now, and with which mail",
        asks=emit.EmitSchema, answers=PreviewAnswer,
        use=lambda use, _, asked: use.previewer.emit(asked), shape=shapes.preview,
        event="preview",
    ),
    Operation(
        name="notification", role=Role.VIEWER, summary="A notification, its mail and its receipts",
        asks=asking.IdSchema, answers=RecordWithReceiptsAnswer,
        use=notification, shape=shapes.full_record,
        route=Route(method="GET", path="/internal/notifications/{id}", problems=("not_found",), of_path=id_in),
        event="notification", under="notification",
    ),
    Operation(
        name="trace", role=Role.VIEWER, summary="All that is known of the way of one notification, on one line of time",
        asks=asking.IdSchema, answers=tracing.TraceAnswer,
        use=trace, shape=tracing.trace,
        route=Route(
            method="GET", path="/internal/notifications/{id}/trace", problems=("not_found",), of_path=id_in,
            description="The id may also be that of a mail that stands by itself: of a digest, or of a campaign's recipient.",
        ),
        event="trace", under="trace",
    ),
    Operation(
        name="find_notifications", role=Role.VIEWER, summary="What was emitted, newest first",
        asks=tracing.FindNotificationsSchema, answers=tracing.FoundNotificationsAnswer,
        use=lambda use, _, asked: use.tracer.search(asked[0], before=asked[1], limit=asked[2]), shape=tracing.page,
        route=Route(
            method="GET", path="/internal/notifications",
            description="A page looks at a bounded number of notifications: follow `next` until it is null, also from a page that is empty.",
        ),
        event="find_notifications",
    ),
    Operation(
        name="recall", summary="Recall a notification",
        audit=OF_ID,
        asks=asking.IdSchema, answers=RecordAnswer, use=recall, shape=shapes.record,
        route=Route(
            method="DELETE", path="/internal/notifications/{id}", problems=("not_found",), of_path=id_in,
            description="It is taken off every screen, its texts are wiped, its mail is not sent. Repeating it changes nothing.",
        ),
        event="recall", under="notification",
    ),
    Operation(
        name="history", role=Role.VIEWER, summary="The admins' own history, or that of a user or of a room, newest first",
        asks=asking.AdminHistorySchema, answers=AdminHistoryAnswer,
        use=any_history, shape=shapes.admin_history,
        event="history",
    ),
)  # fmt: skip
