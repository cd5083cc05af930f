"""Every example of a catalog in every locale, as a reader would get it: for golden files, and to see that mails can be made.

Everything is made as for a real reader but the sender, the links and the brand, which are fixed: so the same
catalog makes the same files anywhere.
"""

import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from msgspec import structs

from gateway.catalog.catalog import Catalog
from gateway.catalog.kinds import NotificationType
from gateway.catalog.mails import own_types
from gateway.catalog.words import Planned
from mailer import address
from mailer.composed import BULK_BYTES_MAX, Composed, Composition, context
from mailer.errors import TemplateFailure
from mailer.letterhead import Letterhead
from mailer.press import Press

BASE_URL = "https://shop.example"
"""What links in proofs begin with."""
UNSUBSCRIBE_URL = "https://shop.example/unsubscribe"
BRAND = "Shop"
"""Whose mail it is."""
_OURS = re.compile(r"\d+\.[A-Za-z0-9-]+(\.[a-z0-9_-]+)?\.(json|html|txt)")
"""Names of golden files: others in the folder are left alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """One example in one language."""

    type: str
    number: int
    """Of the example, from 1."""
    locale: str
    variant: str | None = None
    """Of the type's experiment; None: the type's own words."""
    planned: Planned
    mail: Composed | None = None
    """None: the type sends no mail, or it could not be made."""
    failure: str | None = None
    """Why its mail cannot be made or sent; None where it can."""

    @property
    def name(self) -> str:
        """For people: what it is a proof of."""
        said = (self.type, f"example {self.number}", self.locale, self.variant)
        return ", ".join(part for part in said if part is not None)

    def files(self) -> Iterator[tuple[str, str]]:
        """Name and content of what this proof is kept as."""
        stem = ".".join(filter(None, (f"{self.type}/{self.number}", self.locale, self.variant)))
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
    """A press for this catalog's templates, closed at the end."""
    sender = address.parse_ours(f"{BRAND} <shop@shop.example>")
    press = Press(Letterhead(sender=sender), catalog.templates)
    try:
        yield press
    finally:
        await press.close()


async def proofs(catalog: Catalog) -> list[Proof]:
    """One for each type, variant, example and locale; mails are made in a process of bounded time and memory.

    One after the other; types without examples have none. Templates for digests are tried with one of ours.
    """
    async with _press(catalog) as press:
        return [
            await _proof(catalog, variant, kind, number, locale, press)
            for type_ in (*catalog.types.values(), *own_types(catalog.templates))
            for variant, kind in _ways(type_)
            for number in range(1, len(kind.examples) + 1)
            for locale in catalog.locales()
        ]


def _ways(type_: NotificationType) -> Iterator[tuple[str | None, NotificationType]]:
    """The type's own words, and each variant that says something else.

    A variant that only differs in its weight would be the same files once more.
    """
    yield None, type_
    for variant in type_.trial.variants if type_.trial is not None else ():
        if variant.kind.wordings != type_.wordings:
            yield variant.name, variant.kind


async def _proof(
    catalog: Catalog, variant: str | None, kind: NotificationType, number: int, locale: str, press: Press
) -> Proof:
    """One proof; a mail that cannot be made is a failure of it, and no error."""
    data = kind.examples[number - 1]
    planned = catalog.plan_for(kind, data, locale)
    mail, failure = None, None
    if kind.email is not None:
        try:
            mail = await press.compose(_composition(kind, planned, number, locale))
            failure = _too_large(kind, mail)
        except TemplateFailure as error:
            failure = str(error)
    return Proof(
        type=kind.name, number=number, locale=locale, variant=variant, planned=planned, mail=mail, failure=failure
    )  # fmt: skip


def _composition(kind: NotificationType, planned: Planned, number: int, locale: str) -> Composition:
    """What a template is told, as for a real mail."""
    title = planned.title or kind.name
    told = context(
        title=title, body=planned.body, link=planned.link, subject=planned.subject or title,
        data=kind.examples[number - 1], locale=locale, type_=kind.name, category=kind.category, brand=BRAND, base_url=BASE_URL,
        unsubscribe_url=None if kind.critical else UNSUBSCRIBE_URL,
    )  # fmt: skip
    return Composition(type=kind.name, context=told)


def _too_large(kind: NotificationType, mail: Composed) -> str | None:
    """That a bulk mail is larger than one may be, if it is."""
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
    """Write the golden files, and remove those that no example makes any more; answers how many there are.

    Written with the same line ends everywhere.
    """
    wanted = dict(file for proof in made for file in proof.files())
    for name in set(_kept(folder)) - set(wanted):
        (folder / name).unlink()
    for name, content in wanted.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, "utf-8", newline="\n")
    return len(wanted)


def _kept(folder: Path) -> dict[str, str]:
    """The golden files that are there."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes().decode("utf-8", "replace")
        for path in folder.glob("[A-Z]*/*")
        if _OURS.fullmatch(path.name)
    }
