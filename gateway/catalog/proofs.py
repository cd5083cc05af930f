"""Every example of a catalog in every locale and variant, as a reader would get it: for golden files, and to see that mails can be made."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from msgspec import structs

from gateway.catalog.catalog import Catalog
from gateway.catalog.kinds import NotificationType, Variant
from gateway.catalog.words import Planned
from gateway.experiments.bounds import NAME
from mailer import address
from mailer.composed import BULK_BYTES_MAX, Composed, Composition, context
from mailer.errors import TemplateFailure
from mailer.letterhead import Letterhead
from mailer.press import Press

BASE_URL = "https://shop.example"
UNSUBSCRIBE_URL = "https://shop.example/unsubscribe"
BRAND = "Shop"
_OURS = re.compile(rf"\d+\.[A-Za-z0-9-]+(\.{NAME})?\.(json|html|txt)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    type: str
    number: int
    """Of the example, from 1."""
    locale: str
    variant: str | None = None
    """None: the type's own words."""
    planned: Planned
    mail: Composed | None = None
    """None: the type sends no mail, or it could not be made."""
    failure: str | None = None

    @property
    def of(self) -> str:
        """What it is a proof of, for a person."""
        said = f"{self.type}, example {self.number}, {self.locale}"
        return said if self.variant is None else f"{said}, variant {self.variant}"

    def files(self) -> Iterator[tuple[str, str]]:
        """Name and content of what this proof is kept as."""
        # Neither a locale nor a variant has a dot in its name, so no two proofs have one stem.
        parts = [str(self.number), self.locale, *([] if self.variant is None else [self.variant])]
        stem = f"{self.type}/{'.'.join(parts)}"
        item: dict[str, object] = {
            "locale": self.planned.locale, "category": self.planned.category, "title": self.planned.title,
            "body": self.planned.body, "link": self.planned.link, "subject": self.planned.subject,
            "collapse": self.planned.collapse, "expires_in": self.planned.expires_in,
        }  # fmt: skip
        if self.planned.actions:
            item["actions"] = [structs.asdict(action) for action in self.planned.actions]
        if self.planned.image is not None:
            item["image"] = self.planned.image
        yield f"{stem}.json", json.dumps(item, ensure_ascii=False, indent=2) + "\n"
        if self.mail is not None:
            yield f"{stem}.html", self.mail.html
            yield f"{stem}.txt", self.mail.text


@asynccontextmanager
async def _press(catalog: Catalog) -> AsyncIterator[Press]:
    sender = address.parse_ours(f"{BRAND} <shop@shop.example>")
    press = Press(Letterhead(sender=sender), catalog.templates)
    try:
        yield press
    finally:
        await press.close()


async def proofs(catalog: Catalog) -> list[Proof]:
    """One for each type, example and locale, and for each variant that says something else there.

    Mails are made in a process of bounded time and memory.
    """
    async with _press(catalog) as press:
        return [
            await _proof(kind, number, locale, variant, planned, press)
            for kind in catalog.types.values()
            for number in range(1, len(kind.examples) + 1)
            for locale in catalog.locales()
            for variant, planned in _said(catalog, kind, number, locale)
        ]


def _said(
    catalog: Catalog, kind: NotificationType, number: int, locale: str
) -> Iterator[tuple[Variant | None, Planned]]:
    """The type's own words for an example, then those of its variants that are others."""
    data = kind.examples[number - 1]
    own = catalog.plan(kind.name, data, locale)
    yield None, own
    for variant in () if kind.trial is None else kind.trial.variants:
        worded = catalog.say(variant.kind, data, own.locale)
        planned = structs.replace(own, **structs.asdict(worded))
        if planned != own:
            yield variant, planned


async def _proof(
    kind: NotificationType, number: int, locale: str, variant: Variant | None, planned: Planned, press: Press
) -> Proof:
    mail, failure = None, None
    if kind.email is not None:
        try:
            mail = await press.compose(_composition(kind, planned, number, locale))
            failure = _too_large(kind, mail)
        except TemplateFailure as error:
            failure = str(error)
    return Proof(
        type=kind.name, number=number, locale=locale, variant=None if variant is None else variant.name,
        planned=planned, mail=mail, failure=failure,
    )  # fmt: skip


def _composition(kind: NotificationType, planned: Planned, number: int, locale: str) -> Composition:
    title = planned.title or kind.name
    told = context(
        title=title, body=planned.body, link=planned.link, subject=planned.subject or title,
        data=kind.examples[number - 1], locale=locale, type_=kind.name, category=kind.category, brand=BRAND, base_url=BASE_URL,
        unsubscribe_url=None if kind.critical else UNSUBSCRIBE_URL,
    )  # fmt: skip
    return Composition(type=kind.name, context=told)


def _too_large(kind: NotificationType, mail: Composed) -> str | None:
    if kind.lane == "bulk" and mail.bytes > BULK_BYTES_MAX:
        return (
            f"{mail.templates[0]}: {mail.bytes} bytes of HTML, and a bulk mail has at most {BULK_BYTES_MAX}"
        )
    return None


def differences(made: list[Proof], folder: Path) -> list[str]:
    """The files in which a folder of golden files differs from these."""
    wanted = dict(file for proof in made for file in proof.files())
    there = _kept(folder)
    return sorted({name for name in wanted if there.get(name) != wanted[name]} | (set(there) - set(wanted)))


def keep(made: list[Proof], folder: Path) -> int:
    """Write the golden files, and remove those that no example makes any more; answers how many there are."""
    wanted = dict(file for proof in made for file in proof.files())
    for name in set(_kept(folder)) - set(wanted):
        (folder / name).unlink()
    for name, content in wanted.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, "utf-8", newline="\n")
    return len(wanted)


def _kept(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes().decode("utf-8", "replace")
        for path in folder.glob("[A-Z]*/*")
        if _OURS.fullmatch(path.name)
    }
