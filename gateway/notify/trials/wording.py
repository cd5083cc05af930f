"""The words of types that have an experiment: each reader's own variant, instead of the type's own words.

An emit that brings a title, a body or a subject of its own says the same to everybody, so nothing is on trial in it; nor is
there in what is not stored. To a room of many the type's own words are said, for one text cannot be of several arms.

The scribe below it has checked the data and made the type's own words, with channels and lane; here the words
are exchanged, after that, and how long the mail waits, where variants differ in it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from msgspec import structs

from gateway.experiments.bounds import VARIANTS_MOST
from gateway.ground.rooms import user_of
from gateway.notify.deciding.drawing import Draw, draw
from gateway.notify.requests import EmitRequest
from gateway.notify.wording.said import CatalogText, Memory
from gateway.notify.wording.scribe import Filled, Scribe, for_all, given
from storage.notifications import Entry

if TYPE_CHECKING:
    from gateway.catalog.catalog import Catalog
    from gateway.catalog.kinds import Trial


class TrialScribe(Scribe):
    """Fills in requests as any scribe does, and has those of types on trial say what fell to each reader.

    With a catalog whose experiments are all settled it says what was chosen, to rooms of many as well.
    """

    _memories: tuple[Memory, ...] | None = None
    """What each arm has said last: one after the other they would forget it."""

    async def fill(self, requests: Sequence[EmitRequest]) -> list[Filled | Exception]:
        """As of any scribe, with each reader's variant in the texts of types that have an experiment."""
        catalog = self._catalog.current
        filled = await super().fill(requests)
        if catalog is None:
            return filled
        return [
            self._tried(catalog, asked, each) if isinstance(each, Filled) else each
            for asked, each in zip(requests, filled, strict=True)
        ]

    def _tried(self, catalog: "Catalog", asked: EmitRequest, filled: Filled) -> Filled:
        """The request with its readers' variants; as it is where nothing is on trial in it. What a campaign
        brings as its type is none.
        """
        request = filled.request
        type_ = None if request.kind is not None else catalog.types.get(request.type)
        trial = None if type_ is None else type_.trial
        if trial is None or not request.store or _has_own_words(request) or _has_own_time(trial, asked):
            return filled
        drawn = {room: draw(self._catalog, request.type, trial, user_of(room)) for room in filled.texts}
        texts = {
            room: self._text(catalog, trial, request, room, text, drawn[room])
            for room, text in filled.texts.items()
        }
        if trial.design.is_timed and request.email is not None:
            request = structs.replace(request, email=replace(request.email, after_of=_waits(drawn)))
        return structs.replace(filled, request=request, texts=texts)

    def _text(
        self,
        catalog: "Catalog",
        trial: "Trial",
        request: EmitRequest,
        room: str,
        own: CatalogText,
        drawn: Draw,
    ) -> CatalogText:
        """What is said in the room: `own`, or what a variant says in the same language."""
        user = user_of(room)
        if drawn.variant is None:
            return own
        # Only now: a node without experiments has none.
        if self._memories is None:
            self._memories = tuple(Memory() for _ in range(VARIANTS_MOST))
        kind = drawn.variant.kind
        said = self._memories[trial.variants.index(drawn.variant)].said(catalog, kind, request.data)
        spoken, zone = own.entry.locale, own.entry.timezone
        text = for_all(kind, request, said, zone) if user is None else given(request, said.text(spoken, zone))
        return structs.replace(text, entry=_stamped(text.entry, trial, drawn))


def _has_own_words(request: EmitRequest) -> bool:
    """Whether it brings words that would be the same for everybody."""
    subject = None if request.email is None else request.email.subject
    return request.title is not None or bool(request.body) or subject is not None


def _has_own_time(trial: "Trial", asked: EmitRequest) -> bool:
    """Whether it says when its mail leaves, where that is what is tried."""
    return trial.design.is_timed and asked.email is not None and asked.email.after_seconds is not None


def _waits(drawn: Mapping[str, Draw]) -> dict[str, float]:
    """How long the mail of each room waits whose user a variant has fallen to."""
    rules = {room: each.variant.kind.email for room, each in drawn.items() if each.variant is not None}
    return {room: rule.after for room, rule in rules.items() if rule is not None}


def _stamped(entry: Entry, trial: "Trial", drawn: Draw) -> Entry:
    """The entry with the variant. It is written down in any case; the experiment only where it has fallen to
    the reader by lot, for only then it counts.
    """
    assert drawn.variant is not None
    name, id_ = drawn.variant.name, trial.id if drawn.is_tried else None
    if entry.translations or entry.actions or entry.image is not None or entry.timezone is not None:
        return structs.replace(entry, variant=name, trial=id_)
    return _plain(entry.category, entry.locale, entry.catalog_version, name, id_)


@lru_cache(maxsize=1024)
def _plain(
    category: str | None, locale: str | None, catalog_version: str | None, variant: str, trial: str | None
) -> Entry:
    """The same object for the same: a store writes it once."""
    return Entry(
        category=category, locale=locale, catalog_version=catalog_version, variant=variant, trial=trial
    )
