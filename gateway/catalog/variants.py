"""Reading the experiment of a type: its variants, how they are tried, and what is expected of them.

How lots are drawn and figures judged is of `gateway.experiments`; here a plan is read, and refused if it
cannot find what it looks for.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from hashlib import sha256
from types import MappingProxyType
from typing import Any

import orjson

from gateway.catalog.kinds import NotificationType, Trial, TypeVariant, Wording
from gateway.catalog.tables import Table
from gateway.catalog.texts import read_link, read_phrase
from gateway.catalog.timing import AFTER_SECONDS_MAX
from gateway.experiments.bounds import (
    CONVERSIONS_MOST,
    HOLDOUT_MOST,
    HOURS_LEAST,
    METRICS,
    NAME,
    NAME_LONGEST,
    PART_LEAST,
    SALT,
    SALT_LONGEST,
    VARIANTS_MOST,
    WEIGHT_MOST,
)
from gateway.experiments.findings import Design
from gateway.experiments.lots import Split

DAY_SECONDS = 86_400
"""A day."""
LASTS_SECONDS = 14 * DAY_SECONDS
"""Two weeks, where nothing is said."""
LASTS_SECONDS_MAX = 90 * DAY_SECONDS
"""Ninety days."""


def read_trial(table: Table, type_: NotificationType) -> Trial | None:
    """The experiment of the type, as far as it is sound; None where it has none.

    A type with an experiment that is wrong has none in the answer; the load fails in the end.
    """
    rule = table.table("experiment")
    if rule is None and "variants" not in table.value:
        return None
    # Read also without an experiment, so that their own mistakes are told.
    variants = tuple(_variants(table, type_))
    if rule is None:
        if "experiment" not in table.value:
            table.wrong("variants are tried by an experiment, and there is none", "variants")
        return None
    rule.only(("metric", "baseline", "effect", "salt", "holdout", "share", "lasts"))
    metric = rule.one_of("metric", METRICS[0], METRICS)
    baseline, effect = _part(rule, "baseline"), _part(rule, "effect")
    split = _split(rule, type_, variants)
    seconds = rule.seconds("lasts", LASTS_SECONDS, most=LASTS_SECONDS_MAX)
    _judge(rule, type_, metric, split, seconds)
    if not _judge_variants(table, variants) or baseline is None or effect is None:
        return None
    if baseline + effect >= 1:
        rule.wrong("baseline and effect together must be less than 1", "effect")
        return None
    is_timed = _is_timed(rule, variants, seconds)
    design = Design(weights=split.weights, baseline=baseline, effect=effect, is_timed=is_timed)
    if (design.conversions or 0) > CONVERSIONS_MOST:
        rule.wrong(
            f"it takes {design.conversions} conversions to find so little, and {CONVERSIONS_MOST} at most can be",
            "effect",
        )
    return Trial(
        id=_id(type_.name, table.value),
        metric=metric,  # type: ignore[arg-type]  # one of them
        split=split,
        design=design,
        seconds=seconds,
        variants=variants,
    )


def _split(rule: Table, type_: NotificationType, variants: tuple[TypeVariant, ...]) -> Split:
    """Among whom lots are drawn, and how."""
    return Split(
        salt=rule.text(
            "salt",
            type_.name,
            pattern=f"(?=.{{1,{SALT_LONGEST}}}$){SALT}",
            meaning=f"ASCII without blanks, {SALT_LONGEST} at most",
        ),
        weights=tuple(each.weight for each in variants),
        holdout=rule.percent("holdout", 0.0),
        share=rule.percent("share", 100.0),
    )


def _is_timed(rule: Table, variants: tuple[TypeVariant, ...], seconds: float) -> bool:
    """Whether the variants are mailed at different times; noted where the experiment is too short for that."""
    waits = {each.kind.email.after for each in variants if each.kind.email is not None}
    is_timed = len(waits) > 1
    if is_timed and seconds < max(waits) + DAY_SECONDS:
        # Who is mailed last has a day to answer, too.
        rule.wrong(
            "must be a day more than the longest after", *(("lasts",) if "lasts" in rule.value else ())
        )
    return is_timed


def _judge(rule: Table, type_: NotificationType, metric: str, split: Split, seconds: float) -> None:
    """Note what cannot be of this type."""
    if split.holdout > HOLDOUT_MOST:
        rule.wrong(f"must be {HOLDOUT_MOST} at most", "holdout")
    elif split.holdout and type_.critical:
        rule.wrong("what is critical is kept from nobody", "holdout")
    if split.share < 1:
        rule.wrong("must be 1 at least", "share")
    if seconds < HOURS_LEAST * 3600:
        rule.wrong(f"must be {HOURS_LEAST}h at least", "lasts")
    if type_.in_app:
        return
    if metric == "read":
        rule.wrong("the type is not shown in the app, and mail is not read there: take click", "metric")
    elif metric == "click" and (type_.email is None or not type_.email.clicks):
        rule.wrong("nobody would know of a click: the type is for mail only, without channels.email.clicks")


def _judge_variants(table: Table, variants: tuple[TypeVariant, ...]) -> bool:
    """Whether there are enough of them, of different names; noted where not."""
    # Of those that are named amiss it is told where they stand.
    names = [each.name for each in variants if each.name]
    if len(set(names)) < len(names) or not 2 <= len(variants) <= VARIANTS_MOST:
        table.wrong(
            f"must be 2 to {VARIANTS_MOST} of different names, the first of them the control",
            *(("variants",) if "variants" in table.value else ("experiment",)),
        )
        return False
    return True


def _variants(table: Table, type_: NotificationType) -> Iterator[TypeVariant]:
    """Each variant as the type with its words, and with the time that its mail waits."""
    if not type_.wordings:
        table.wrong("variants are of the type's own texts, and it has none")
    for row in table.rows("variants"):
        row.only(("name", "weight", "texts", "after"))
        if "name" not in row.value:
            row.wrong("name is missing")
        name = row.text(
            "name",
            "",
            pattern=f"(?=.{{1,{NAME_LONGEST}}}$){NAME}",
            meaning=f"small letters, digits, - and _, {NAME_LONGEST} at most",
        )
        weight = row.whole("weight", 1, least=1, most=WEIGHT_MOST)
        wordings = {**type_.wordings, **dict(_over(row, type_))}
        email = type_.email
        if "after" in row.value and email is None:
            row.wrong("the type has no mail that could wait", "after")
        elif email is not None:
            email = replace(email, after=row.seconds("after", email.after, most=AFTER_SECONDS_MAX))
        kind = replace(type_, wordings=MappingProxyType(wordings), email=email)
        yield TypeVariant(name=name, weight=weight, kind=kind)


def _over(row: Table, type_: NotificationType) -> Iterator[tuple[str, Wording]]:
    """What a variant says in each language that it says anything in. What a variant leaves out it says as the type does."""
    for locale, texts in row.tables("texts"):
        texts.only(("title", "body", "link", "subject"))
        under = type_.wordings.get(locale)
        if under is None:
            texts.wrong("the type has no texts in this language for a variant of them")
            continue
        yield (
            locale,
            replace(
                under,
                title=read_phrase(texts, "title", locale, type_.payload) or under.title,
                body=read_phrase(texts, "body", locale, type_.payload) or under.body,
                link=read_link(texts, "link", locale, type_.payload) or under.link,
                subject=read_phrase(texts, "subject", locale, type_.payload) or under.subject,
            ),
        )


def _part(rule: Table, key: str) -> float | None:
    """A number from `PART_LEAST` to below 1; None where it is none."""
    value = rule.value.get(key)
    if isinstance(value, (int, float)) and not isinstance(value, bool) and PART_LEAST <= value < 1:
        return float(value)
    rule.wrong(
        f"{key} must be a part of all, 0.000001 or more and below 1", *((key,) if key in rule.value else ())
    )
    return None


def _id(name: str, value: Mapping[str, Any]) -> str:
    """Of an experiment; another where anything of it, or of what is said without it, is changed: then it begins anew.

    Sixteen hexadecimal digits; texts belong to it, for the control is made of them.
    """
    whole = [name, *(value.get(key) for key in ("texts", "variants", "experiment"))]
    return sha256(orjson.dumps(whole, option=orjson.OPT_SORT_KEYS, default=str)).hexdigest()[:16]
