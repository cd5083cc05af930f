"""Reading one type of a catalog.

It reads one table under `types`, with what stands in files beside it. Parts with rules of their own are read
by `texts`, `timing` and `variants`.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from gateway.catalog import shapes
from gateway.catalog.buckets import ALL_OR_NONE, Rollout, RolloutStep
from gateway.catalog.channels import CHANNELS, Channel
from gateway.catalog.folder import Folder
from gateway.catalog.kinds import LANES, Category, EmailRule, NotificationType, Wording
from gateway.catalog.own import DIGEST
from gateway.catalog.payload import Payload, SchemaError
from gateway.catalog.places import Places
from gateway.catalog.tables import Table, not_json
from gateway.catalog.texts import agree_on_buttons, read_buttons, read_link, read_phrase
from gateway.catalog.timing import AFTER_SECONDS_MAX, read_digest, read_in_digests, read_throttle
from gateway.catalog.variants import read_trial
from mailer import languages

TYPE = r"[A-Z][A-Z0-9_]{0,63}"
"""The name of a type."""
KEY = r"[a-z][a-z0-9_]{0,63}"
"""The key of a category."""
EXPIRES_SECONDS_MAX = 10 * 365 * 86400
"""Ten years."""
STEPS_MAX = 100
"""Of one rollout."""
_KEYS = (
    "category", "name", "critical", "urgent", "lane", "schema", "channels", "texts", "examples", "expires_in", "collapse", "digest", "throttle", "enabled", "rollout",
    "variants", "experiment",
)  # fmt: skip
"""Of a type."""


def read_type(
    name: str, table: Table, folder: Folder, categories: Mapping[str, Category], default_locale: str
) -> NotificationType:
    """The type, as far as it is sound; each mistake is noted.

    Whatever is wrong has its default in the answer, which is never used then: the load fails in the end.
    """
    table.only(_KEYS)
    if name == DIGEST:
        table.wrong("is the gateway's own, for the mail of digests; its templates may stand here")
    lane = table.one_of("lane", LANES[0], LANES)
    critical = table.flag("critical", default=False)
    if critical and lane == "bulk":
        table.wrong("what is critical does not go by the bulk lane", "critical")
    payload = _payload(table, folder)
    in_app, email = _channels(table)
    category = _category(table, categories)
    type_ = NotificationType(
        name=name,
        category=category,
        names=MappingProxyType(read_names(table)),
        critical=critical,
        opt_in=not critical and category in categories and categories[category].opt_in,
        urgent=table.flag("urgent", default=False),
        lane=lane,  # type: ignore[arg-type]  # one of them
        payload=payload,
        in_app=in_app,
        email=email,
        wordings=MappingProxyType(_wordings(table, payload, default_locale)),
        examples=tuple(_examples(table, payload)),
        expires_in=table.seconds("expires_in", None, most=EXPIRES_SECONDS_MAX),
        collapse=read_phrase(table, "collapse", default_locale, payload),
        digest=read_digest(table),
        # A campaign is of the bulk lane, and its mail is gathered with nothing.
        in_digests=read_in_digests(table, by_default=lane != "bulk"),
        throttle=read_throttle(table),
        enabled=MappingProxyType(_enabled(table)),
        rollouts=MappingProxyType(dict(_rollouts(table, critical=critical))),
    )
    # Last: variants are the type with other words.
    trial = read_trial(table, type_)
    return type_ if trial is None else replace(type_, trial=trial)


def read_names(table: Table) -> dict[str, str]:
    """What a category or a type is called, by locale; each mistake is noted. Empty where nothing is said."""
    names = table.table("name")
    if names is None:
        return {}
    if not names.value:
        names.wrong("holds no name")
    for locale in names.value:
        if not languages.is_language(locale):
            names.wrong("is no language that CLDR knows", locale)
    found = (
        (locale, names.text(locale, None, pattern=r".{1,100}", meaning="a text of 100 characters at most"))
        for locale in names.value
    )
    return {locale: name for locale, name in found if name is not None}


def _category(table: Table, categories: Mapping[str, Category]) -> str:
    """The key of the category, which must be there."""
    key = table.text("category", "")
    if "category" not in table.value:
        table.wrong("category is missing: the row of the preferences that it belongs to")
    elif key and key not in categories:
        table.wrong(f"there is no category {key}; there is {', '.join(categories) or 'none'}", "category")
    return key


def _payload(table: Table, folder: Folder) -> Payload | None:
    """The schema, given here or by the name of a file; None where there is none, or it is wrong."""
    value = table.value.get("schema")
    if isinstance(value, str):
        return _payload_of_file(table, value, folder)
    inner = table.table("schema")
    if inner is None:
        return None
    try:
        return Payload(inner.value)
    except SchemaError as error:
        inner.wrong(str(error), *error.path)
        return None


def _payload_of_file(table: Table, name: str, folder: Folder) -> Payload | None:
    """The schema in a file of the folder; mistakes are noted with its own lines."""
    text = folder.texts.get(name)
    if text is None or not name.endswith(".json"):
        table.wrong(
            f"there is no file {name}; a schema stands here, or in a .json file of the folder", "schema"
        )
        return None
    try:
        schema = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        line = error.lineno if isinstance(error, json.JSONDecodeError) else 1
        table.elsewhere(name, line, f"this is no JSON: {getattr(error, 'msg', 'it is nested too deeply')}")
        return None
    try:
        if not isinstance(schema, dict):
            raise SchemaError("a schema is an object")
        return Payload(schema)
    except SchemaError as error:
        # What is wrong with the whole has no place, and may be nested deeper than places are looked for.
        line = Places(text, is_json=True).line(error.path) if error.path else 1
        table.elsewhere(name, line, _located(error))
        return None


def _located(error: SchemaError) -> str:
    """A mistake of a schema, with the place within it."""
    return f"{'.'.join(map(str, error.path))}: {error}" if error.path else str(error)


def _channels(table: Table) -> tuple[bool, EmailRule | None]:
    """Whether it is shown in the app, and how it is mailed."""
    channels = table.table("channels")
    if channels is None:
        return True, None
    channels.only(CHANNELS)
    if isinstance(channels.value.get("email"), bool):
        return channels.flag("in_app", default=True), EmailRule() if channels.value["email"] else None
    email = channels.table("email")
    if email is None:
        return channels.flag("in_app", default=True), None
    email.only(("default", "unless", "after", "clicks", "opens"))
    return channels.flag("in_app", default=True), EmailRule(
        default=email.flag("default", default=True),
        unless=email.one_of("unless", None, ("read", "seen", "online")),  # type: ignore[arg-type]  # one of them or none
        after=email.seconds("after", 0.0, most=AFTER_SECONDS_MAX),
        clicks=email.flag("clicks", default=False),
        opens=email.flag("opens", default=False),
    )


def _wordings(table: Table, payload: Payload | None, default_locale: str) -> dict[str, Wording]:
    """The texts by locale. The default locale must be among them, if there are any."""
    found = {}
    for locale, texts in table.tables("texts"):
        texts.only(("title", "body", "link", "subject", "actions", "image"))
        if not languages.is_language(locale):
            texts.wrong("is no language that CLDR knows, such as en or pt-BR")
            continue
        title = read_phrase(texts, "title", locale, payload)
        if "title" not in texts.value:
            texts.wrong("title is missing")
        if title is not None:
            found[locale] = Wording(
                title=title,
                body=read_phrase(texts, "body", locale, payload),
                link=read_link(texts, "link", locale, payload),
                subject=read_phrase(texts, "subject", locale, payload),
                buttons=read_buttons(texts, locale, payload),
                image=read_link(texts, "image", locale, payload, starts=("https://",)),
            )
    # After all languages: it compares them.
    agree_on_buttons(table, found)
    given = table.value.get("texts")
    if isinstance(given, dict) and given and default_locale not in given:
        table.wrong(f"there are no texts in {default_locale}, the default locale", "texts")
    return found


def _examples(table: Table, payload: Payload | None) -> Iterable[Mapping[str, Any]]:
    """The examples that fit the schema."""
    for row in table.rows("examples"):
        if not_json(row.value, deepest=shapes.DEEPEST_DATA):
            row.wrong("holds what JSON has not, such as a date (write it as a text), or is nested too deeply")
        elif payload is not None and (problems := payload.problems(row.value)):
            row.wrong("; ".join(f"{at}: {problem}" for at, problem in problems))
        else:
            yield row.value


def _enabled(table: Table) -> dict[Channel, bool]:
    """What is switched off or on, of the whole or by channel."""
    if isinstance(table.value.get("enabled"), bool):
        return dict.fromkeys(CHANNELS, table.value["enabled"])
    channels = table.table("enabled")
    if channels is None:
        return {}
    channels.only(CHANNELS)
    return {channel: channels.flag(channel, default=True) for channel in CHANNELS}


def _rollouts(table: Table, *, critical: bool) -> Iterable[tuple[Channel, Rollout]]:
    """For how many each channel is on."""
    channels = table.table("rollout")
    if channels is None:
        return
    channels.only(CHANNELS)
    for channel in CHANNELS:
        if isinstance(channels.value.get(channel), (int, float)):
            yield channel, Rollout(percent=_percent(channels, channel, critical=critical))
        elif (rule := channels.table(channel)) is not None:
            rule.only(("percent", "salt", "steps"))
            yield (
                channel,
                Rollout(
                    percent=_percent(rule, "percent", critical=critical),
                    salt=rule.text(
                        "salt",
                        "",
                        pattern=r"[!-~]{0,64}",
                        meaning="64 characters of ASCII at most, without blanks",
                    ),
                    steps=tuple(_steps(rule, critical=critical)),
                ),
            )


def _percent(table: Table, key: str, *, critical: bool) -> float:
    """For how many it is on; what is critical is not dealt out."""
    percent = table.percent(key, 100)
    if critical and percent not in ALL_OR_NONE:
        table.wrong("what is critical is for everybody or, at 0, for nobody", key)
    return percent


def _steps(rule: Table, *, critical: bool) -> Iterable[RolloutStep]:
    """The steps of a rollout, in the order of time."""
    last: datetime | None = None
    given = rule.value.get("steps")
    if isinstance(given, list) and len(given) > STEPS_MAX:
        rule.wrong(f"has more than {STEPS_MAX} steps", "steps")
        return
    for row in rule.rows("steps"):
        row.only(("at", "percent"))
        at = row.value.get("at")
        if not isinstance(at, datetime) or at.tzinfo is None:
            row.wrong("must be a time with its zone, such as 2026-12-01T08:00:00Z", "at")
        elif last is not None and at <= last:
            row.wrong("must be later than the step before", "at")
        elif "percent" not in row.value:
            row.wrong("percent is missing")
        else:
            last = at
            yield RolloutStep(at=at, percent=_percent(row, "percent", critical=critical))
