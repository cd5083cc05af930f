"""What a campaign says: the words of its type as they were when it was started, and its own over them.

So a reload of the catalog changes nothing of what a running campaign says. What loads the catalog's libraries stands here.

`speech` asks it, and `steering` freezes by it. It makes a `NotificationType` that the scribe takes in the
place of the catalog's (`EmitRequest.kind`), so nothing else needs to know of campaigns' words.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from hashlib import sha256
from types import MappingProxyType
from typing import Any

import msgspec
from msgspec import Struct, structs

from gateway.catalog.catalog import Catalog
from gateway.catalog.kinds import Button, NotificationType, Wording
from gateway.catalog.payload import Payload
from gateway.catalog.texts import stray, undeclared
from gateway.notify.campaigns.plans import OwnTexts, Plan, Variant
from mailer import blueprints, languages
from mailer.choice import chosen
from mailer.phrases import Phrase, PhraseError, phrase

REMEMBERED = 64
"""Types as campaigns have them that are remembered; at one more all are forgotten, and made again as they are asked for."""
PARTS = ("title", "body", "link", "subject")
"""What a campaign may say in its own words; buttons and picture stay the type's."""


class FrozenButton(Struct, frozen=True, omit_defaults=True):
    """A button, as its sources."""

    id: str
    label: str
    link: str | None = None
    style: str = "default"


class FrozenText(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The sources of a wording.

    Texts as they are written in the catalog, with their placeholders: they are made into words for each
    recipient.
    """

    title: str
    body: str | None = None
    link: str | None = None
    subject: str | None = None
    image: str | None = None
    buttons: tuple[FrozenButton, ...] = ()


class Frozen(Struct, frozen=True, kw_only=True):
    """What is kept of a type as a campaign is started: a text of JSON in the campaign's row."""

    texts: dict[str, FrozenText]
    """By language."""
    schema: dict[str, Any] | None
    """What the data must be; None where anything goes. By it the words are made, also when the type has another since."""
    design: str
    """A hash over the files of its mail, 16 hex digits."""


_frozen = msgspec.json.Decoder(Frozen)


def freeze(catalog: Catalog, type_: NotificationType) -> str:
    """The words of the type, as a text that `Kinds` reads.

    What is not in it, as channels and rollout, is the type's of the day.
    """
    texts = {locale: _sources(wording) for locale, wording in type_.wordings.items()}
    schema = None if type_.payload is None else dict(type_.payload.schema)
    return msgspec.json.encode(Frozen(texts=texts, schema=schema, design=design(catalog, type_))).decode()


def design(catalog: Catalog, type_: NotificationType) -> str:
    """What the files come to that make the mail of a type: another where one of them is.

    Only of the files that it uses, with all that these include: a change of another type's mail does not stop
    the campaign.
    """
    known = {name: blueprints.read(source, catalog.templates) for name, source in catalog.templates.items()}
    files = {
        file
        for locale in type_.wordings
        for name in chosen(catalog.templates, type_.name, locale).values()
        for file in blueprints.closure(name, known)
    }
    hashed = sha256()
    for file in sorted(files):
        # With zero bytes in between: two files must not come to the same as one.
        hashed.update(f"{file}\0{catalog.templates[file]}\0".encode())
    return hashed.hexdigest()[:16]


def _sources(wording: Wording) -> FrozenText:
    """The words of one language as they are written, to be kept."""
    return FrozenText(
        title=wording.title.source,
        body=_source(wording.body),
        link=_source(wording.link),
        subject=_source(wording.subject),
        image=_source(wording.image),
        buttons=tuple(
            FrozenButton(each.id, each.label.source, _source(each.link), each.style)
            for each in wording.buttons
        ),
    )


def _source(said: Phrase | None) -> str | None:
    """The text as it is written; None where there is none."""
    return None if said is None else said.source


def problems(type_: NotificationType, plan: Plan) -> dict[str, list[str]]:
    """What is wrong with a plan's own texts, by field.

    For the caller, before the draft is kept: `variants.0.texts.de.title`. A variant may use languages that
    the campaign itself has brought.
    """
    found = dict(_problems(type_, plan.texts, "texts", known=type_.wordings))
    spoken = {**type_.wordings, **plan.texts}
    for place, variant in enumerate(plan.variants):
        found |= _problems(type_, variant.texts, f"variants.{place}.texts", known=spoken)
    return found


def _problems(
    type_: NotificationType, texts: Mapping[str, OwnTexts], where: str, *, known: Mapping[str, object]
) -> Iterator[tuple[str, list[str]]]:
    """What is wrong with a campaign's own words, by the place of each.

    A language that the type does not have needs a title of its own; the rest it may borrow.
    """
    for locale, own in texts.items():
        if not languages.is_language(locale):
            yield f"{where}.{locale}", ["Is no language that CLDR knows, such as en or pt-BR."]
            continue
        if own.title is None and locale not in known:
            yield f"{where}.{locale}.title", ["Is missing: the type has no words in this language."]
        for part in PARTS:
            source = getattr(own, part)
            if source is not None and (problem := _problem(type_, source, locale, is_link=part == "link")):
                yield f"{where}.{locale}.{part}", [f"{problem[:1].upper()}{problem[1:]}."]


def _problem(type_: NotificationType, source: str, locale: str, *, is_link: bool) -> str | None:
    """What is wrong with one text, as the rest of a sentence; None where nothing is."""
    if not source.strip():
        return "is empty"
    if is_link and (problem := stray(source)):
        return problem
    try:
        made = phrase(source, locale=locale, is_link=is_link)
    except PhraseError as error:
        return str(error)
    return next((problem for use in made.uses if (problem := undeclared(use, type_.payload))), None)


class Kinds:
    """The types as campaigns have them, remembered as long as they are asked for.

    A type is parsed from its sources once for each campaign and variant, and not for each recipient. One
    belongs to a `Speech`.
    """

    def __init__(self) -> None:
        self._made: dict[tuple[str, str | None, str | None], tuple[NotificationType, NotificationType]] = {}
        """By campaign, frozen words and variant: the catalog's type that it was made of, and what was made."""

    def of(
        self,
        key: str,
        type_: NotificationType,
        frozen: str | None,
        plan: Plan,
        variant: Variant | None,
        *,
        default_locale: str,
    ) -> NotificationType:
        """The type with the words of a campaign: those that are frozen, else as they are, under its own and its variant's.

        `key` names the campaign. Of all else that a type says, such as its channels, what is in force holds.
        """
        place = (key, frozen, None if variant is None else variant.name)
        known = self._made.get(place)
        # The object itself: a reload makes another, whose channels may be others.
        if known is not None and known[0] is type_:
            return known[1]
        if len(self._made) >= REMEMBERED:
            self._made.clear()
        made = _made(type_, frozen, plan, variant, default_locale)
        self._made[place] = (type_, made)
        return made


def read(frozen: str) -> Frozen:
    """What was frozen, as values."""
    return _frozen.decode(frozen)


def redesigned(frozen: str, catalog: Catalog, type_: NotificationType) -> str:
    """The same words, and the files of the mail as they are now.

    For a resume: whoever resumes was told by the reason of the pause that the mail looks otherwise.
    """
    return msgspec.json.encode(structs.replace(read(frozen), design=design(catalog, type_))).decode()


def _made(
    type_: NotificationType,
    frozen: str | None,
    plan: Plan,
    variant: Variant | None,
    default_locale: str,
) -> NotificationType:
    """The type as this campaign has it: frozen as it was, with the campaign's words over it, and the variant's over those.

    It raises nothing for what was checked as it was made. A campaign that is not frozen, as a draft, goes by
    the type of now.
    """
    wordings = dict(type_.wordings)
    if frozen is not None:
        kept = read(frozen)
        wordings = {locale: _wording(locale, text) for locale, text in kept.texts.items()}
        payload = None if kept.schema is None else Payload(kept.schema)
        type_ = replace(type_, payload=payload)
    # For languages of the campaign's own, which have no link and no picture.
    default = wordings.get(default_locale) or next(iter(wordings.values()))
    for texts in (plan.texts, {} if variant is None else variant.texts):
        for locale, own in texts.items():
            wordings[locale] = _over(wordings.get(locale), locale, own, default)
    return replace(type_, wordings=MappingProxyType(wordings))


def _wording(locale: str, text: FrozenText) -> Wording:
    """The words of one language, read back from what was kept."""
    return Wording(
        title=phrase(text.title, locale=locale),
        body=_phrase(text.body, locale),
        link=_phrase(text.link, locale, is_link=True),
        subject=_phrase(text.subject, locale),
        image=_phrase(text.image, locale, is_link=True),
        buttons=tuple(
            Button(
                id=each.id,
                label=phrase(each.label, locale=locale),
                link=_phrase(each.link, locale, is_link=True),
                style=each.style,
            )
            for each in text.buttons
        ),
    )


def _phrase(source: str | None, locale: str, *, is_link: bool = False) -> Phrase | None:
    """The text made ready for filling in; None stays None."""
    return None if source is None else phrase(source, locale=locale, is_link=is_link)


def _over(under: Wording | None, locale: str, own: OwnTexts, default: Wording) -> Wording:
    """The wording with the campaign's own texts; in a language of its own with the link and the picture of the default one."""
    title = _phrase(own.title, locale)
    if under is None:
        # Checked before: what has no words of the type's has a title.
        assert title is not None
        under = Wording(title=title, link=default.link, image=default.image)
    return replace(
        under,
        title=title or under.title,
        body=_phrase(own.body, locale) or under.body,
        link=_phrase(own.link, locale, is_link=True) or under.link,
        subject=_phrase(own.subject, locale) or under.subject,
    )
