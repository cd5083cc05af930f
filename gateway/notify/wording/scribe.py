"""What the catalog makes of a request: its data are checked, its words made, its channels, lane and life filled in.

What is given in the request goes before what its type says. Without a catalog a request is what it says, and must say it all.

Planning asks it first. Words are made here and not at the reading, so that a notification says for ever what
it said. Types with an experiment have a scribe of their own (`trials.wording`), which changes the words
alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from msgspec import Struct, structs

from gateway.catalog.channels import EMAIL
from gateway.catalog.live import LiveCatalog
from gateway.ground.rooms import user_of
from gateway.notify.deciding.sources import NOBODY_CHOSE, Chosen
from gateway.notify.requests import OWN_TYPES, EmailRequest, EmitRequest, Unfit
from gateway.notify.wording.languages import Languages
from gateway.notify.wording.said import CatalogText, Memory, Said, pictured
from storage.errors import StorageError
from storage.mail import LaneName, Unless
from storage.notifications import Words

if TYPE_CHECKING:
    from gateway.catalog.catalog import Catalog
    from gateway.catalog.kinds import EmailRule, NotificationType

NO_ROOMS: frozenset[str] = frozenset()
NO_LANGUAGES: Mapping[str, str | None] = {}
NO_ZONES: Mapping[str | None, str] = {}
MISSING = ["Missing data for required field."]
"""The words of the requests' own parser, so that it does not matter who has found that a field is missing."""
NO_MAIL = "Digest and throttle are about mail, and there is to be none: give it."
NOTHING_LEFT = ["Neither shown nor mailed: there would be nothing left."]


class UnknownType(Unfit):
    """The catalog is strict and has no such type.

    A catalog is strict by a setting; otherwise a type that it does not have is emitted as it is.
    """

    def __init__(self, type_: str) -> None:
        super().__init__({"type": [f"the catalog has no type {type_}"]})

    def __str__(self) -> str:
        [(told,)] = self.errors.values()
        return told


class Filled(Struct, frozen=True, gc=False):
    """A request with all that its type says. Without a type in the catalog there are no texts: it brings its own.

    The request in it is the caller's, with what the type says put where nothing was said.
    """

    request: EmitRequest
    texts: Mapping[str, CatalogText]
    """The words for each room; empty where the catalog does not have the type."""


class Scribe:
    """Fills in requests by the catalog in force.

    It has no state but a memory of words, and serves all emits of a node. Nothing is stored here; what is
    answered depends on the catalog in force as it is asked, so a reload in between two calls makes other
    words.
    """

    def __init__(self, catalog: LiveCatalog, languages: Languages, chosen: Chosen = NOBODY_CHOSE) -> None:
        self._catalog = catalog
        self._languages = languages
        self._memory = Memory()
        self._chosen = chosen

    async def fill(self, requests: Sequence[EmitRequest]) -> list[Filled | Exception]:
        """Each request as it is to be carried out, or why it cannot be: `Unfit`. Readers' languages are asked for once.

        In the order of the requests. It may also answer a `StorageError`: where a type is mailed only to
        those who have asked for it, and nobody can say who has. Where no language is known of a reader, words
        are made in the catalog's own.
        """
        catalog = self._catalog.current
        if catalog is None:
            return [_as_it_is(request) for request in requests]
        readers, timed = _readers(catalog, requests)
        languages = await self._languages.of(readers) if readers else NO_LANGUAGES
        zones = NO_ZONES if timed is None else await self._languages.zones(timed)
        # A memory is worth its price among many.
        sayings = Said if len(requests) == 1 else self._memory.said
        filled: list[Filled | Exception] = []
        for request in requests:
            type_ = request.kind or catalog.types.get(request.type)
            if type_ is not None:
                # Asked for request by request, and only of types that are so: that is few, in most catalogs
                # none.
                wishes: frozenset[str] | StorageError = NO_ROOMS
                if type_.email is not None and self._may_wish(type_.email, request):
                    wishes = await self._wishes(type_, request)
                said = sayings(catalog, type_, request.data)
                filled.append(_filled(type_, request, said, languages, zones, wishes))
            elif catalog.strict and request.type not in OWN_TYPES:
                filled.append(UnknownType(request.type))
            else:
                filled.append(_as_it_is(request))
        return filled

    def _may_wish(self, rule: "EmailRule", request: EmitRequest) -> bool:
        """Whether there is mail that the type does not send by itself, and that nobody has said anything of."""
        return not (
            rule.default or not self._chosen.in_use
            or request.email is not None or request.no_email or not request.store
        )  # fmt: skip

    async def _wishes(self, type_: "NotificationType", request: EmitRequest) -> frozenset[str] | StorageError:
        """The rooms whose users have asked for that mail.

        Raises nothing: an error is the answer, so that it is this request's alone.
        """
        rooms = {user: room for room in request.rooms if (user := user_of(room)) is not None}
        try:
            chosen = await self._chosen.of_many(list(rooms))
        except StorageError as error:
            return error
        return frozenset(
            rooms[user] for user, each in chosen.items() if each.cell(type_, type_.name, EMAIL).value
        )


def _readers(
    catalog: "Catalog", requests: Sequence[EmitRequest]
) -> tuple[Sequence[str], Sequence[str] | None]:
    """The users whose languages make a difference, and those whose zones do, each once; None where no type tells the time.

    Of requests whose language is given, and of types with one language, nobody's makes a difference.
    """
    users: dict[str, None] = {}
    timed: dict[str, None] | None = None
    for request in requests:
        type_ = request.kind or catalog.types.get(request.type)
        if type_ is None:
            continue
        is_by_language = len(type_.wordings) > 1 and request.locale is None
        if is_by_language or type_.is_timed:
            named = {user: None for room in request.rooms if (user := user_of(room)) is not None}
            if is_by_language:
                users |= named
            if type_.is_timed:
                timed = named if timed is None else timed | named
    return list(users), None if timed is None else list(timed)


def _as_it_is(request: EmitRequest) -> Filled | Exception:
    """The request as it is, or what it lacks: without a type to fill it in, it must say it all."""
    if request.title is None:
        return Unfit({"title": MISSING})
    if request.email is None:
        if not request.in_app:
            return Unfit({"in_app": NOTHING_LEFT})
        if request.rhythm is not None:
            return Unfit({"email": [NO_MAIL]})
    return Filled(request, {})


def _filled(
    type_: "NotificationType",
    request: EmitRequest,
    said: Said,
    languages: Mapping[str, str | None],
    zones: Mapping[str | None, str],
    wishes: frozenset[str] | StorageError,
) -> Filled | Exception:
    """The request with the words of its type for each room; an exception where it does not suit the type.

    In this order: what is wrong with the data is told first, then what is missing, then that nothing would be
    left.
    """
    if isinstance(wishes, StorageError):
        return wishes
    if said.problems:
        errors: dict[str, list[str]] = {}
        for pointer, problem in said.problems:
            errors.setdefault(pointer, []).append(f"{problem[:1].upper()}{problem[1:]}.")
        return Unfit(errors)
    if request.title is None and not type_.wordings:
        return Unfit({"title": [f"The type {request.type} has no words: give a title."]})
    filled = _with_channels(type_, request, wishes)
    if not filled.in_app and filled.email is None:
        return Unfit({"in_app": NOTHING_LEFT if type_.in_app else [_mail_only(request)]})
    is_of_one_language = request.locale is not None or len(type_.wordings) <= 1
    # The path of most requests, however many rooms they have: one text, made once.
    if is_of_one_language and not type_.is_timed:
        # All readers get the same, as of most types and in most requests.
        text = given(request, said.text(request.locale))
        return Filled(filled, dict.fromkeys(request.rooms, text))
    texts = {}
    for room in request.rooms:
        user = user_of(room)
        zone = request.timezone or zones[user] if type_.is_timed else None
        if user is None and not is_of_one_language:
            # A room of many readers has the words of all languages: which is whose is seen when it is delivered.
            texts[room] = for_all(type_, request, said, zone)
        else:
            locale = request.locale if is_of_one_language else languages.get(user or "")
            texts[room] = given(request, said.text(locale, zone))
    return Filled(filled, texts)


def _mail_only(request: EmitRequest) -> str:
    """Why nothing would be left of it, and what to ask instead."""
    return f"The type {request.type} is for mail only: give user: rooms, and leave email as it is."


def _with_channels(type_: "NotificationType", request: EmitRequest, wishes: frozenset[str]) -> EmitRequest:
    """The request with what the type says of mail, lane and life, where it says nothing itself."""
    email, in_app, expires_in = request.email, request.in_app and type_.in_app, request.expires_in_seconds
    if email is None and type_.email is not None:
        email = _own_mail(type_.email, request, wishes)
    if email is not None:
        email = _by_rule(email, type_.email, type_.lane)
    if expires_in is None:
        expires_in = type_.expires_in
    if email is None and in_app == request.in_app and expires_in == request.expires_in_seconds:
        return request
    return structs.replace(request, email=email, in_app=in_app, expires_in_seconds=expires_in)


def _own_mail(rule: "EmailRule", request: EmitRequest, wishes: frozenset[str]) -> EmailRequest | None:
    """The mail that the type sends of its own accord, or that readers have asked for."""
    if (
        rule.default and not request.no_email and request.store
        and any(user_of(room) is not None for room in request.rooms)
    ):  # fmt: skip
        return EmailRequest(if_known=True)
    return EmailRequest(if_known=True, only=wishes) if wishes else None


def _by_rule(email: EmailRequest, rule: "EmailRule | None", lane: str) -> EmailRequest:
    """The mail that is asked for, with what the type says of it where nothing was said. The lane is the type's in any case."""
    after, unless = email.after_seconds, email.unless
    if rule is not None:
        after = rule.after if after is None else after
        unless = unless or (Unless(rule.unless) if rule.unless else None)
    return replace(email, after_seconds=after, unless=unless, lane=LaneName(lane))


def for_all(type_: "NotificationType", request: EmitRequest, said: Said, zone: str | None) -> CatalogText:
    """The text for a room of many readers, in all languages, and in one zone.

    Its own language is that of readers of whom none is known; what the request gives is the same in all.
    """
    own = given(request, said.text(None, zone))
    translations = {
        locale: given(request, said.text(locale, zone)).words
        for locale in type_.wordings
        if locale != own.entry.locale
    }
    return structs.replace(own, entry=structs.replace(own.entry, translations=translations))


def given(request: EmitRequest, text: CatalogText) -> CatalogText:
    """The text, with what the request gives before it.

    A text that is given is the same in every language. An empty body gives none.
    """
    if (
        request.title is None and not request.body and request.link is None
        and not request.actions and request.image is None
    ):  # fmt: skip
        return text
    words = text.words
    given = Words(
        request.title or words.title,
        request.body or words.body,
        words.link if request.link is None else request.link,
        request.actions or words.actions,
        words.image if request.image is None else request.image,
    )
    return structs.replace(text, words=given, entry=pictured(text.entry, given))
