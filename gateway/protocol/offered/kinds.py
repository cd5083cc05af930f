"""What notifications are about, and what happens.

Types are shown to every viewer, and switched by admins alone. Overview and feed have no route: they go on for
as long as a session looks.
"""

from auth.principal import Role
from gateway.observe import overview
from gateway.protocol import (
    asking,
    catalog,
    catalog_shapes,
    shapes,
    telling,
)
from gateway.protocol.answers.nodes import OverviewAnswer
from gateway.protocol.operation import AuditRule, Operation, Route
from gateway.protocol.uses.kinds import preview_type, type_in_full
from gateway.protocol.uses.records import watch_feed

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="types", role=Role.VIEWER, summary="The types of the catalog, and those switched without, with what holds for each",
        asks=asking.NothingSchema, answers=catalog.TypesAnswer,
        use=lambda use, *_: use.types.known(), shape=catalog_shapes.types,
        route=Route(method="GET", path="/internal/types"),
        event="types",
    ),
    Operation(
        name="preview_type", role=Role.VIEWER, summary="A type as a reader would get it, and for a user what every gate says",
        asks=catalog.TypePreviewSchema, answers=catalog.TypePreviewAnswer,
        use=preview_type, shape=catalog_shapes.type_preview,
        route=Route(
            method="POST", path="/internal/types/{type}/preview", body_required=False, problems=("not_found",),
            description="Nothing is stored or sent. Data that do not fit are `validation_failed`, by JSON Pointer.",
        ),
        event="preview_type",
    ),
    Operation(
        name="explain", role=Role.VIEWER, summary="What every gate says of a type for a user now, by channel",
        asks=catalog.ExplainSchema, answers=catalog.ExplainAnswer,
        use=lambda use, _, asked: use.type_previewer.explain(*asked), shape=catalog_shapes.explain,
        route=Route(method="GET", path="/internal/users/{user}/explain"),
    ),
    Operation(
        name="type", role=Role.VIEWER, summary="A type in full, with the history of its switches",
        asks=catalog.TypeSchema, answers=catalog.TypeDetailAnswer,
        use=type_in_full, shape=catalog_shapes.type_in_full,
        route=Route(
            method="GET", path="/internal/types/{type}", problems=("not_found",),
            of_path=lambda path: path["type"],
        ),
        event="type",
    ),
    Operation(
        name="type_switch", summary="Switch a type or its channels on or off, or for a part of the users",
        audit=AuditRule(target=lambda asked: asked.type, detail=lambda asked: asked.changes),
        asks=catalog.SwitchSchema, answers=catalog.TypeDetailAnswer,
        use=lambda use, caller, asked: use.types.switch(asked.type, asked.changes, by=caller.name), shape=catalog_shapes.type_in_full,
        route=Route(
            method="PATCH", path="/internal/types/{type}",
            description="It holds on every node within a second. What is left out stays, and null is what the file says. A type that the catalog does not have can be switched too.",
        ),
        event="type_switch",
    ),
    Operation(
        name="overview", role=Role.VIEWER, summary="What all nodes did, step by step",
        asks=asking.OverviewSchema, answers=OverviewAnswer,
        use=lambda use, _, minutes: use.observatory.look(minutes * 60), shape=overview.shape,
        event="overview",
    ),
    Operation(
        name="feed", role=Role.VIEWER, summary="Be shown what is emitted, or no more",
        asks=asking.WatchSchema, answers=telling.LatestAnswer, use=watch_feed, shape=shapes.latest,
        event="feed",
    ),
)  # fmt: skip
