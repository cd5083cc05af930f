"""The rules of the alerts, as they stand in `k8s/components/monitoring/rules.yaml` for Prometheus.

A table for each subject, and the conditions that need more than a comparison. How long a condition must hold and who
is told is of `alerts`.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta

from gateway.observe.alerts import AlertRule, MetricSamples, Severity, slowest
from storage.mail import LaneName

MINUTE = timedelta(minutes=1)
"""In which times are said."""
BOUNCES, COMPLAINTS = 0.05, 0.003
NEARLY = 0.9
"""Of the connections that a node takes."""


def rules(max_connections: int) -> Sequence[AlertRule]:
    """All of them, for a node that takes so many connections; 0 is any number.

    Made once for a node. Names, texts and times are compared by a test with those of Prometheus; change both.
    """
    return (
        *_of_the_store(),
        *_of_the_cluster(),
        *_of_the_worker(),
        *_of_the_lanes(),
        *_of_the_catalog(),
        *_of_the_clients(max_connections),
    )


def _of_the_store() -> Sequence[AlertRule]:
    """Emits that are refused, or wait."""
    return (
        AlertRule(
            name="BellhopTurnsBackendsAway",
            severity=Severity.CRITICAL,
            summary="Emits are answered 503",
            runbook="The store is away or overloaded; /readyz of a node says more. Backends retry under their keys.",
            holding=2 * MINUTE,
            metric="bellhop_emits",
            holds=_when(lambda seen: seen.rate(5 * MINUTE, label="unavailable") > 0),
        ),
        AlertRule(
            name="BellhopStoreSlow",
            severity=Severity.WARNING,
            summary="One batch in a hundred takes the store more than half a second",
            runbook="Every emit waits for it.",
            holding=5 * MINUTE,
            metric="bellhop_append_batch_seconds",
            holds=_when(lambda seen: slowest(seen, 5 * MINUTE) > 0.5),
        ),
        AlertRule(
            name="BellhopAppendsQueue",
            severity=Severity.WARNING,
            summary="Emits come faster than the store takes them",
            runbook="Beyond 20,000 in the queue of a node they are refused.",
            holding=MINUTE,
            metric="bellhop_append_queue",
            holds=_each(lambda value: value > 5000),
        ),
        AlertRule(
            name="BellhopScheduledMissed",
            severity=Severity.WARNING,
            summary="What was scheduled was not emitted within the hour",
            runbook="The dashboard's page Scheduled says why; it is emitted there by hand, or cancelled.",
            metric="bellhop_scheduled_missed",
            holds=_when(lambda seen: seen.rate(60 * MINUTE) > 0),
        ),
    )


def _of_the_cluster() -> Sequence[AlertRule]:
    """What nodes have by Redis."""
    return (
        AlertRule(
            name="BellhopBusDown",
            severity=Severity.CRITICAL,
            summary="A node does not hear itself through Redis",
            runbook="Nothing is lost, but the clients of other nodes get notifications only by reconciliation, up to 35 seconds late, "
            "and /readyz of these nodes says 503.",
            holding=MINUTE,
            metric="bellhop_bus_up",
            holds=_each(lambda value: value == 0),
        ),
        AlertRule(
            name="BellhopPresenceDown",
            severity=Severity.WARNING,
            summary="A node cannot tell who is online",
            runbook="Redis does not answer it. Its clients are served all the same; admins see nobody come or go, and mail that was not "
            "to go to who is online goes out.",
            holding=2 * MINUTE,
            metric="bellhop_presence_up",
            holds=_each(lambda value: value == 0),
        ),
        AlertRule(
            name="BellhopBusDropsFrames",
            severity=Severity.WARNING,
            summary="Frames could not be handed to Redis",
            runbook="The store has them, and the other nodes repair from it.",
            holding=2 * MINUTE,
            metric="bellhop_bus_dropped",
            holds=_when(lambda seen: seen.rate(5 * MINUTE) > 0),
        ),
        AlertRule(
            name="BellhopRepairsAllTheTime",
            severity=Severity.WARNING,
            summary="The bus loses frames all the time",
            runbook="Notifications arrive from the store, late. Look at Redis's client-output-buffer-limit for pubsub.",
            holding=10 * MINUTE,
            metric="bellhop_repaired",
            holds=_when(lambda seen: seen.rate(10 * MINUTE) > 1),
        ),
    )


def _of_the_worker() -> Sequence[AlertRule]:
    """Mail that does not leave."""
    return (
        AlertRule(
            name="BellhopMailBuried",
            severity=Severity.WARNING,
            summary="Mail was given up on within the hour",
            runbook="The dashboard lists it with its reasons; revive it there or leave it.",
            metric="bellhop_mail_dead",
            holds=_when(_more_is_dead),
        ),
        AlertRule(
            name="BellhopMailStopped",
            severity=Severity.CRITICAL,
            summary="Mail has stopped",
            runbook="The mail server refuses us, or no file descriptors are left; the log of the worker says which.",
            holding=5 * MINUTE,
            metric="bellhop_mail_stopped",
            holds=_each(lambda value: value == 1),
        ),
        AlertRule(
            name="BellhopMailStuck",
            severity=Severity.WARNING,
            summary="More mail is postponed than sent",
            runbook="The mail server is away, or says 4xx; the log of the worker says which.",
            holding=15 * MINUTE,
            metric="bellhop_mail",
            holds=_stuck,
        ),
    )


def _of_the_lanes() -> Sequence[AlertRule]:
    """How mail fares that has left, and what was paused for it."""
    return (
        AlertRule(
            name="BellhopMailBounces",
            severity=Severity.WARNING,
            summary="More than one mail in twenty comes back",
            runbook="Providers take that for a list that was bought. Bulk mail pauses by itself, other mail never; the records of the mail "
            "say what each server said.",
            holding=15 * MINUTE,
            metric="bellhop_lane_bounce_rate",
            holds=_each(lambda value: value > BOUNCES),
        ),
        AlertRule(
            name="BellhopMailComplaints",
            severity=Severity.CRITICAL,
            summary="More than three mails in a thousand are called spam",
            runbook="From there on large providers put all mail of the sender aside. Bulk mail pauses by itself, other mail never; look at "
            "what was sent to whom.",
            holding=15 * MINUTE,
            metric="bellhop_lane_complaint_rate",
            holds=_each(lambda value: value > COMPLAINTS),
        ),
        AlertRule(
            name="BellhopReceiptComplaint",
            severity=Severity.WARNING,
            summary="Mail that somebody waits for was called spam",
            runbook="Its reader gets no more of that category, but what is critical. The mails that are `complained` say of which types "
            "they are: look at what was sent, and whether it was asked for.",
            holding=MINUTE,
            metric="bellhop_lane_complaints",
            holds=_receipts_complained,
        ),
        AlertRule(
            name="BellhopLanePaused",
            severity=Severity.WARNING,
            summary="Bulk mail is paused",
            runbook="By its brake, or by an operator: /readyz, the dashboard and `bellhop lanes` say why. It waits until somebody resumes it.",
            holding=5 * MINUTE,
            metric="bellhop_lane_paused",
            holds=_each(lambda value: value == 1),
        ),
        AlertRule(
            name="BellhopCampaignPaused",
            severity=Severity.WARNING,
            summary="A campaign has paused by itself",
            runbook="Too much of its mail came back, its time was over, or its type or templates are others: the dashboard and "
            "`bellhop campaign status` say why. It waits until somebody resumes or cancels it.",
            holding=5 * MINUTE,
            metric="bellhop_campaigns_stopped",
            holds=_each(lambda value: value > 0),
        ),
    )


def _of_the_catalog() -> Sequence[AlertRule]:
    """Which catalog is in force, and where."""
    return (
        AlertRule(
            name="BellhopCatalogRefused",
            severity=Severity.WARNING,
            summary="A reloaded catalog has mistakes",
            runbook="An earlier one is in force. The log of the pods names each mistake with file and line, and so does "
            "`bellhop catalog check`.",
            holding=5 * MINUTE,
            metric="bellhop_catalog_refused",
            holds=_each(lambda value: value == 1),
        ),
        AlertRule(
            name="BellhopCatalogsDiffer",
            severity=Severity.WARNING,
            summary="Nodes run different catalogs",
            runbook="/readyz of a node names them. A deployment has stopped halfway, or a node was not told to reload.",
            holding=15 * MINUTE,
            metric="bellhop_catalog_versions",
            holds=_each(lambda value: value > 1),
        ),
    )


def _of_the_clients(max_connections: int) -> Sequence[AlertRule]:
    """Connections, and those who do not read."""
    return (
        AlertRule(
            name="BellhopNodeNearlyFull",
            severity=Severity.WARNING,
            summary="A node will soon refuse connections",
            runbook="Add nodes.",
            holding=5 * MINUTE,
            metric="bellhop_connections",
            holds=_when(lambda seen: 0 < NEARLY * max_connections < sum(seen.now.values())),
        ),
        AlertRule(
            name="BellhopSlowConsumers",
            severity=Severity.WARNING,
            summary="Clients are closed because they do not read",
            runbook="If they are many, look at the network between before you look at them.",
            holding=10 * MINUTE,
            metric="bellhop_slow_consumers",
            holds=_when(lambda seen: seen.rate(5 * MINUTE) > 1),
        ),
    )


def _when(holds: Callable[[MetricSamples], bool]) -> Callable[[MetricSamples], Iterable[str]]:
    """Of the node as a whole. It answers the empty name, as of what is of no lane."""
    return lambda seen: ("",) if holds(seen) else ()


def _each(holds: Callable[[float], bool]) -> Callable[[MetricSamples], Iterable[str]]:
    """Of each series of a gauge; a lane's are its own. A gauge that is not there holds nothing."""
    return lambda seen: [lane for lane, value in seen.now.items() if holds(value)]


def _more_is_dead(seen: MetricSamples) -> bool:
    """Whether more mail is dead than an hour ago."""
    grown, seconds = seen.grown(60 * MINUTE)
    return seconds > 0 and sum(grown.values()) > 0


def _receipts_complained(seen: MetricSamples) -> Iterable[str]:
    """The lane in which each complaint counts. Of bulk mail some are to be expected."""
    lane = LaneName.TRANSACTIONAL
    return [lane] if seen.now.get(lane) else []


def _stuck(seen: MetricSamples) -> Iterable[str]:
    """The lanes of which more was postponed than sent."""
    grown, _ = seen.grown(10 * MINUTE)
    for label, postponed in grown.items():
        lane, _, outcome = label.partition("/")
        if outcome == "postponed" and postponed > grown.get(f"{lane}/sent", 0):
            yield lane
