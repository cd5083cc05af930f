"""The mail templates of a catalog against its types: whether each can be used by whom it is for.

It reads templates as texts: which names they use, and which others they lean on. Nothing is rendered; that is
tried by `proofs`.
"""

import re
from collections.abc import Mapping

from gateway.catalog.kinds import EmailRule, NotificationType
from gateway.catalog.own import DIGEST, DIGEST_EXAMPLE, DIGEST_SCHEMA
from gateway.catalog.payload import Payload
from gateway.catalog.problems import Mistakes
from gateway.catalog.texts import undeclared
from mailer import blueprints, languages
from mailer.choice import chosen

_NAME = re.compile(r"([A-Z][A-Z0-9_]*|default)(?:\.([A-Za-z0-9-]+))?\.(mjml|html|txt)")
"""The name of a template that is for a type, a language and a form."""


def check_templates(
    templates: Mapping[str, str],
    types: Mapping[str, NotificationType],
    default_locale: str,
    mistakes: Mistakes,
) -> frozenset[str]:
    """Note what is wrong with them; nothing is run. Answers the types whose mail tells the time.

    Each template is judged for every type that is mailed by it of its own accord, and a use of data that the type's
    schema does not declare is a mistake.
    """
    read = {name: blueprints.read(source, templates) for name, source in templates.items()}
    for name, blueprint in read.items():
        _check_name(name, templates, types, mistakes)
        for flaw in blueprint.flaws:
            mistakes.add(name, flaw.line, flaw.problem)
    timed = set()
    # The gateway's own type has a schema too.
    for kind in (*types.values(), *own_types(templates)):
        files = _files(kind, read, default_locale)
        if kind.email is not None or any(name.startswith(f"{kind.name}.") for name in templates):
            _check_uses(kind, {name: read[name] for name in sorted(files)}, mistakes)
        # Of all: an emit may ask for mail of a type that has none of its own accord.
        if any(read[name].is_timed for name in files):
            timed.add(kind.name)
    return frozenset(timed)


def own_types(templates: Mapping[str, str]) -> tuple[NotificationType, ...]:
    """The types of the gateway's own that a catalog has templates for, to be judged and tried as its own ones."""
    if not any(name.startswith(f"{DIGEST}.") for name in templates):
        return ()
    payload = Payload(DIGEST_SCHEMA)
    return (
        NotificationType(
            name=DIGEST, category="", payload=payload, email=EmailRule(), examples=(DIGEST_EXAMPLE,)
        ),
    )


def _check_name(
    name: str, templates: Mapping[str, str], types: Mapping[str, NotificationType], mistakes: Mistakes
) -> None:
    """Note a name that looks like a type's and is none, and one that another template stands before."""
    match = _NAME.fullmatch(name)
    if match is None:
        return  # a layout, or a part of others
    type_, locale, kind = match.groups()
    if kind == "html" and (other := f"{name.removesuffix(kind)}mjml") in templates:
        mistakes.add(
            name, 1, f"{other} goes before it, so that nobody would ever get it: take one of them out"
        )
    if type_ not in ("default", DIGEST) and type_ not in types:
        mistakes.add(name, 1, f"there is no type {type_}")
    if locale is not None and not languages.is_language(locale):
        mistakes.add(
            name, 1, f"{locale} is no language that CLDR knows; a name is TYPE.locale.mjml, html or txt"
        )


def _files(kind: NotificationType, read: Mapping[str, blueprints.Blueprint], default_locale: str) -> set[str]:
    """The templates that the mail of a type is made of in any language, layouts included."""
    return {
        file
        for locale in kind.wordings or (default_locale,)
        for name in chosen(read, kind.name, locale).values()
        for file in blueprints.closure(name, read)
    }


def _check_uses(
    kind: NotificationType, files: Mapping[str, blueprints.Blueprint], mistakes: Mistakes
) -> None:
    """Note what the templates of one type use and its schema does not declare."""
    for name, blueprint in files.items():
        for use in blueprint.uses:
            if problem := undeclared(use, kind.payload):
                mistakes.add(name, use.line, f"for {kind.name} it {problem}")
