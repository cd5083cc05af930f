"""The nodes of the cluster.

They ask all nodes by way of the bus; one that does not answer in time is named as silent, and keeps nobody
waiting.
"""

from auth.principal import Role
from gateway.protocol import alerts, nodes, shapes
from gateway.protocol.answers.nodes import NothingAnswer
from gateway.protocol.asking.basics import NothingSchema
from gateway.protocol.deeds import OF_ID
from gateway.protocol.operation import Operation, Route
from gateway.protocol.uses.nodes import drain_node

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="nodes", role=Role.VIEWER, summary="The nodes of the cluster, as each tells of itself",
        asks=NothingSchema, answers=nodes.NodesAnswer,
        use=lambda use, *_: use.nodes.page(), shape=nodes.page,
        route=Route(method="GET", path="/internal/nodes"),
        event="nodes",
    ),
    Operation(
        name="alerts", role=Role.VIEWER, summary="The alerts that are firing, as each node judges itself, with what to do",
        asks=NothingSchema, answers=alerts.AlertsAnswer,
        use=lambda use, *_: use.alerts.page(), shape=alerts.page,
        route=Route(method="GET", path="/internal/alerts"),
        event="alerts",
    ),
    Operation(
        name="drain_node", summary="Have a node stop calmly",
        audit=OF_ID,
        asks=nodes.NodeSchema, answers=NothingAnswer,
        use=drain_node, shape=shapes.nothing,
        route=Route(
            method="POST", path="/internal/nodes/{node}/drain", status=202, body_required=False, problems=("not_found",),
            description="As by SIGTERM: it sends its clients to the others, finishes its mail, and its process ends. Whatever runs it may start it again.",
        ),
        event="drain_node",
    ),
)  # fmt: skip
