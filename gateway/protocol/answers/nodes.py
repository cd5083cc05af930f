"""What a node says of itself, and of what all nodes did, as schemas.

The probes are here too: what a node says of itself is asked without a token.
"""

from typing import Any

from marshmallow import Schema, fields

from gateway.protocol import required


class NothingAnswer(Schema):
    """That it was done."""


def _curve(**options: Any) -> fields.List[float]:
    """A value for each step of the overview."""
    return fields.List(fields.Float(**options), required=True)


def _curves() -> fields.Dict:
    """The same by name, as of emits by their outcome."""
    return fields.Dict(keys=fields.String(), values=fields.List(fields.Float()), required=True)


class OverviewAnswer(Schema):
    """What all nodes did, step by step."""

    node = required.text(metadata={"description": "The node that was asked."})
    nodes = fields.List(fields.String(), required=True, metadata={"description": "Those that it is of."})
    started_at = required.time()
    """Of the node that was asked."""
    step_seconds = fields.Float(required=True)
    at = fields.List(fields.DateTime(), required=True)
    """The end of each step."""
    connections = _curve()
    """At the end of each step; all else is of its time."""
    deliveries = _curve()
    emits = _curves()
    """By outcome."""
    mail = _curves()
    append_p99_ms = _curve(allow_none=True)
    """Null where nothing was stored; of the slowest node."""
    emit_p99_ms = _curve(allow_none=True)


class AliveAnswer(Schema):
    status = required.text(metadata={"enum": ["alive"]})


READINESS_QUESTION = Schema.from_dict(
    {
        "exclude": fields.List(
            fields.String(),
            metadata={
                "description": "What a reason begins with, as `bus`: it is a warning then, and no reason."
            },
        )
    },
    name="ReadinessQuestion",
)
"""For a load balancer that is not to be left without a node by what all nodes lack at once. Made of a table: `exclude` is a name of a
schema's own.
"""


class ReadinessAnswer(Schema):
    status = required.text(metadata={"enum": ["ready", "unready"]})
    reasons = fields.List(fields.String(), required=True)
    """Why it is not ready; empty where it is."""
    warnings = fields.List(
        fields.String(),
        metadata={
            "description": "What an operator should know, where there is something: it is ready still."
        },
    )
