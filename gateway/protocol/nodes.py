"""What is asked and answered of nodes.

What a node tells of itself, and how all are asked, is of `gateway.observe.nodes`.
"""

from marshmallow import Schema, fields

from gateway.ground.encoding import Json, time
from gateway.observe.nodes import NodesPage, NodeState
from gateway.protocol import required
from gateway.protocol.asking.basics import OneFieldSchema
from gateway.protocol.fields import Text, limit_field
from gateway.protocol.patterns import PRINTABLE


class NodeSchema(OneFieldSchema):
    """One node.

    A name as the nodes have it; whether there is one of that name, the cluster says.
    """

    node = Text(
        PRINTABLE, "printable", longest=128, required=True, metadata={"description": "The name of a node."}
    )


class OverviewSchema(OneFieldSchema):
    """Of how many minutes.

    The minutes before now; no more are kept.
    """

    minutes = limit_field(60, 60)


class NodeAnswer(Schema):
    """A node, as it tells of itself."""

    node = required.text()
    release = required.text()
    catalog = required.text(allow_none=True, metadata={"description": "The version of its catalog."})
    started_at = required.time()
    """When its process began."""
    sessions = required.number()
    users = required.number(metadata={"description": "With a session there."})
    load_ = fields.Float(
        data_key="load",
        required=True,
        metadata={"description": "The part of one core that its process has used lately."},
    )
    leaving = required.flag(metadata={"description": "It sends its clients away, and stops."})


class NodesAnswer(Schema):
    nodes = fields.List(fields.Nested(NodeAnswer), required=True, metadata={"description": "By name."})
    silent = fields.List(
        fields.String(), required=True, metadata={"description": "Nodes that did not answer in time."}
    )
    asked = required.text(metadata={"description": "The node that was asked."})


def page(found: NodesPage) -> Json:
    """All that have answered, and the names of those that did not."""
    return {
        "nodes": [_node(each) for each in found.nodes],
        "silent": list(found.silent),
        "asked": found.asked,
    }


def _node(state: NodeState) -> Json:
    """One node."""
    return {
        "node": state.name,
        "release": state.release,
        "catalog": state.catalog,
        "started_at": time(state.started_at),
        "sessions": state.sessions,
        "users": state.users,
        "load": state.load,
        "leaving": state.is_leaving,
    }
