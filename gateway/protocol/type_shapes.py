"""What is answered about types: the JSON of `gateway.notify.types`, as `answers.types` and `answers.type_previews` say it.

It only writes down what it is given, and neither waits nor judges.
"""

from collections.abc import Sequence

import msgspec

from gateway.catalog.switches import Share
from gateway.ground.encoding import Json, time, time_or_none
from gateway.notify.deciding.decision import Explained
from gateway.notify.deciding.verdicts import Send
from gateway.notify.delivery import events
from gateway.notify.trials.book import TypeTrial
from gateway.notify.types.preview import TypePreview
from gateway.notify.types.states import KnownTypes, NamedCategory, TypeDetail, TypeState
from gateway.protocol import trial_results
from mailer.transport import Outgoing
from storage.notifications import Notification
from storage.switches import SwitchChange


def change(value: SwitchChange) -> Json:
    """A change of a switch, with what was asked as it was asked."""
    return {"at": time(value.at), "by": value.by, "change": value.asked}


def type_(value: TypeState) -> Json:
    """A type as lists show it."""
    return {
        "urgent": value.urgent,
        "known": value.known,
        "category": value.category,
        "critical": value.critical,
        "lane": value.lane,
        "locales": list(value.locales),
        "enabled": value.enabled,
        "channels": {
            name: {
                "enabled": channel.enabled,
                "percent": channel.percent,
                "overridden": channel.overridden,
                "by_default": channel.by_default,
            }
            for name, channel in value.channels.items()
        },
        "changed": None if value.changed is None else change(value.changed),
        "day": value.day,
    }


def types(value: KnownTypes) -> Json:
    """All types, by name, with the version that each node runs."""
    return {
        "version": value.version,
        "default_locale": value.default_locale,
        "nodes": value.nodes,
        "categories": [
            {"key": each.key, "names": dict(each.names), "order": each.order} for each in value.categories
        ],
        "types": {each.name: type_(each) for each in value.types},
    }


def type_in_full(value: TypeDetail) -> Json:
    """A type with its schema, examples, changes and experiment."""
    return {
        **type_(value.state),
        "type": value.state.name,
        "schema": value.schema,
        "examples": value.examples,
        "changes": [change(each) for each in value.changes],
        "experiment": None if value.experiment is None else _experiment(value.experiment),
    }


def _experiment(value: TypeTrial) -> Json:
    """An experiment and its figures. `converted` counts what `metric` names."""
    trial = value.trial
    return {
        **trial_results.results(value.results),
        "id": trial.id,
        "metric": trial.metric,
        "baseline": trial.design.baseline,
        "effect": trial.design.effect,
        "salt": trial.split.salt,
        "holdout": trial.split.holdout,
        "share": trial.split.share,
        "begun_at": time_or_none(value.begun_at),
        "chosen": value.chosen,
        "variants": [
            {
                **trial_results.arm(each),
                "weight": each.weight,
                "reached": each.people,
                "converted": each.converted,
            }
            for each in value.results.arms
        ],
    }


def own_categories(value: Sequence[NamedCategory]) -> Json:
    """Categories as their reader sees them, in the order of the catalog."""
    return {"categories": [{"key": each.key, "name": each.name, "icon": each.icon} for each in value]}


def type_preview(value: TypePreview) -> Json:
    """What a type would say. `item` and `mail` are null where the type has no such channel, or the mail cannot be made."""
    item, mail = value.item, value.mail
    return {
        "locale": value.locale,
        "variant": value.variant,
        "data": value.data,
        "item": None if item is None else _item(item),
        "mail": None if mail is None else _mail(mail, value),
        "problem": value.problem,
        "explain": [_explained(each) for each in value.explained],
    }


def _item(value: Notification) -> Json:
    """The notification as an inbox would have it; fields that it has not are absent, as in the protocol."""
    item: Json = {
        "type": value.type,
        "category": None if value.entry is None else value.entry.category,
        "title": value.title,
        "body": value.body,
        "link": value.link,
    }
    entry = value.entry
    if entry is not None and entry.actions:
        item["actions"] = [events.action(each) for each in entry.actions]
    if entry is not None and entry.image is not None:
        item["image"] = entry.image
    return item if value.collapse is None else {**item, "collapse_key": value.collapse.key}


def _mail(value: Outgoing, of: TypePreview) -> Json:
    """The mail as it would leave, without seals."""
    return {
        "subject": value.subject,
        "text": value.text,
        "html": value.html,
        "bytes": len(value.html.encode()),
        "warnings": list(of.warnings),
        "templates": list(of.templates),
    }


def explain(values: Sequence[Explained]) -> Json:
    """What each channel would do."""
    return {"channels": [_explained(value) for value in values]}


def _explained(value: Explained) -> Json:
    """One channel: its verdict, the rule that has decided, and every gate that was asked before that."""
    verdict = value.verdict
    rule, detail = (None, None) if isinstance(verdict, Send) else (verdict.rule, verdict.detail)
    return {
        "channel": value.channel,
        "verdict": type(verdict).__name__.lower(),
        "rule": rule,
        "detail": detail,
        "gates": [
            {
                "rule": step.rule,
                "passed": step.verdict is None,
                "facts": _facts(step.fact),
            }
            for step in value.steps
        ],
    }


def _facts(fact: object | None) -> Json:
    """What a gate went by; a bucket is worked out where somebody asks.

    An object of the gate's own, whose names are part of the answer.
    """
    if fact is None:
        return {}
    facts: Json = msgspec.to_builtins(fact)
    return facts | {"bucket": fact.bucket} if isinstance(fact, Share) else facts
