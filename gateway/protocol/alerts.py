"""What is answered of alerts.

The alerts themselves, when they fire and which there are, are of `gateway.observe.alerts`.
"""

from marshmallow import Schema, fields, validate

from gateway.ground.encoding import Json, time
from gateway.observe.alerts import AlertsPage, Firing, Severity
from gateway.protocol import required


class AlertAnswer(Schema):
    """An alert that is firing."""

    name = required.text(metadata={"description": "That of the alert for Prometheus."})
    severity = required.text(validate=validate.OneOf([each.value for each in Severity]))
    summary = required.text()
    runbook = required.text(metadata={"description": "What it means, and what to do."})
    lane = required.text(allow_none=True, metadata={"description": "Of mail; null for what is of no lane."})
    since = required.time(metadata={"description": "When its condition began to hold."})
    nodes = fields.List(fields.String(), required=True, metadata={"description": "On which it is firing."})


class WarningAnswer(Schema):
    """What a node has an operator look at."""

    node = required.text()
    text = required.text(metadata={"description": "One of the `warnings` of its /readyz."})


class AlertsAnswer(Schema):
    alerts = fields.List(
        fields.Nested(AlertAnswer),
        required=True,
        metadata={"description": "The critical ones first; then the oldest first."},
    )
    warnings = fields.List(fields.Nested(WarningAnswer), required=True)
    silent = fields.List(
        fields.String(), required=True, metadata={"description": "Nodes that did not answer in time."}
    )


def page(found: AlertsPage) -> Json:
    """The alerts in the order of `AlertsPage`, and each node's warnings, one by one."""
    return {
        "alerts": [_alert(each) for each in found.firing],
        "warnings": [
            {"node": node, "text": text} for node, texts in found.warnings.items() for text in texts
        ],
        "silent": list(found.silent),
    }


def _alert(firing: Firing) -> Json:
    """One alert; `lane` is null for what is of no lane."""
    rule = firing.rule
    return {
        "name": rule.name,
        "severity": rule.severity.value,
        "summary": rule.summary,
        "runbook": rule.runbook,
        "lane": firing.lane,
        "since": time(firing.since),
        "nodes": list(firing.nodes),
    }
