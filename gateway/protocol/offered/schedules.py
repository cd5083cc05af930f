"""What is emitted later.

A service cancels by its own key, a person by the id of one that waits.
"""

from auth.principal import Role
from gateway.protocol import (
    schedule,
)
from gateway.protocol.asking.basics import IdSchema
from gateway.protocol.deeds import OF_ID
from gateway.protocol.operation import EMIT, Operation, Route, id_in
from gateway.protocol.uses.emitting import drop_scheduled, hasten_scheduled

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="cancel", scope=EMIT, summary="Cancel what is still to come under a key",
        asks=schedule.CancelSchema, answers=schedule.CancelledAnswer,
        use=lambda use, caller, asked: use.scheduler.cancel(asked, scope=caller.scope), shape=schedule.cancelled,
        route=Route(
            method="POST", path="/internal/cancel",
            description="Of your own. It also meets what is scheduled, or emitted at once, under the key within a minute after it: the two may have overtaken each other.",
        ),
    ),
    Operation(
        name="scheduled", role=Role.VIEWER, summary="What is still to come, or was missed, the earliest first",
        asks=schedule.ScheduledSchema, answers=schedule.SchedulePageAnswer,
        use=lambda use, _, asked: use.scheduler.page(asked), shape=schedule.page,
        route=Route(method="GET", path="/internal/scheduled"),
        event="scheduled",
    ),
    Operation(
        name="drop_scheduled", summary="Cancel one of what is still to come, or was missed",
        audit=OF_ID,
        asks=IdSchema, answers=schedule.ChangedScheduleAnswer,
        use=drop_scheduled, shape=schedule.ids,
        route=Route(method="DELETE", path="/internal/scheduled/{id}", problems=("not_found",), of_path=id_in),
        event="cancel_scheduled",
    ),
    Operation(
        name="hasten_scheduled", summary="Emit now what is still to come, or was missed",
        audit=OF_ID,
        asks=IdSchema, answers=schedule.ChangedScheduleAnswer,
        use=hasten_scheduled, shape=schedule.ids,
        route=Route(method="POST", path="/internal/scheduled/{id}/send", problems=("not_found",), of_path=id_in),
        event="send_scheduled",
    ),
)  # fmt: skip
