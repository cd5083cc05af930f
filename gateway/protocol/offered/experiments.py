"""Experiments: what they have found, and what a backend knows of those on trial.

What they have found are figures: whoever makes campaigns may ask for it.
"""

from auth.principal import Role
from gateway.protocol import experiments
from gateway.protocol.operation import CAMPAIGNS, EMIT, Operation, Route
from gateway.protocol.uses.experiments import convert, find_experiment

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="experiment", role=Role.VIEWER, scope=CAMPAIGNS,
        summary="An experiment of a type or of a campaign, and what it has found so far",
        asks=experiments.FindExperimentSchema, answers=experiments.FoundExperimentAnswer,
        use=find_experiment, shape=experiments.experiment,
        route=Route(
            method="GET", path="/internal/experiments/{experiment}", problems=("not_found",),
            description="By its id, by the name of a type that has one, or by the id of a campaign.",
        ),
    ),
    Operation(
        name="convert", scope=EMIT, summary="Say that people on trial have done what an experiment counts",
        asks=experiments.ConversionsSchema, answers=experiments.ConversionsAnswer,
        use=convert, shape=experiments.taken,
        route=Route(
            method="POST", path="/internal/experiments/{experiment}/conversions", problems=("not_found",),
            description="Of an experiment whose metric is `conversion`, by its id, by the name of its type, or by the id of its campaign. The first time of each counts, of those who were reached before; whoever is not on trial is passed over, and told again it changes nothing.",
        ),
    ),
)  # fmt: skip
