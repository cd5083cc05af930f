"""A type as a reader would get it: the words, the mail, and for a user what every gate says. Nothing is stored or sent.

For whoever writes a catalog, and for support. Of a request it is `emitting.preview` that shows what would become. Both
use the scribe and the judge of an emit, so that they cannot say otherwise than it; a draft is made here by
hand, for there is no request.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from msgspec import structs

from gateway.catalog.channels import CHANNELS, EMAIL, Channel
from gateway.catalog.live import LiveCatalog
from gateway.ground.clock import Clock
from gateway.ground.rooms import user_room
from gateway.notify.campaigns.speech import sendable
from gateway.notify.deciding.decision import Explained, Judge
from gateway.notify.deciding.drawing import draw
from gateway.notify.deciding.verdicts import Case
from gateway.notify.requests import EmailRequest, EmitRequest, Unfit
from gateway.notify.wording.scribe import Filled, Scribe
from mailer.choice import chosen
from mailer.composed import warnings_of
from mailer.errors import RenderFailure, TemplateFailure
from mailer.press import Press
from mailer.transport import Outgoing
from storage.ids import uuid7
from storage.mail import LaneName, MailOrder
from storage.notifications import Collapse, Notification

if TYPE_CHECKING:
    from gateway.catalog.kinds import NotificationType
    from gateway.notify.campaigns.plans import Plan

READER = "reader@example.org"
"""Whom a mail is shown for; nothing is sent there."""


class NoSuchType(Exception):
    """The catalog does not have it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TypePreviewRequest:
    """A type as a reader would get it."""

    type: str
    data: Mapping[str, Any] | None = None
    """The data to show it with; None: those of the example."""
    example: int = 0
    """Which of the type's examples, from 0, where no data are given."""
    locale: str | None = None
    """None: the user's, else the catalog's own."""
    user: str | None = None
    """The user for whom it is also decided, gate by gate; None: nobody."""
    variant: str | None = None
    """The variant that is to be shown, of its experiment or of the campaign. None: the one that falls to the user, or is
    chosen for everybody; of a campaign the first.
    """
    campaign: "Plan | None" = None
    """The campaign that says it, of which the words and variants count alone. None: the type says it itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TypePreview:
    """What there is to be seen of a type; made for one look."""

    locale: str
    variant: str | None
    """The variant of the type's experiment, or of the campaign, that is shown; None: what is said without one."""
    data: Mapping[str, Any]
    """The data that it was made with: those given, or those of an example."""
    item: Notification | None
    """The notification as an inbox shows it; None for a type that is for mail only."""
    mail: Outgoing | None
    warnings: tuple[str, ...] = ()
    """Warnings about the size of its mail: some providers cut off what is long."""
    templates: tuple[str, ...] = ()
    """The names of the files that its mail is made by."""
    problem: str | None = None
    """Why there is no mail to show."""
    explained: Sequence[Explained] = ()
    """What every gate says for the user, by channel; empty where no user was named."""


class TypePreviewer:
    """The use case of looking at a type.

    It keeps nothing. Each preview with mail costs a rendering in the press.
    """

    def __init__(
        self,
        *,
        catalog: LiveCatalog,
        scribe: Scribe,
        judge: Judge,
        presses: Mapping[LaneName, Press],
        clock: Clock,
    ) -> None:
        self._catalog = catalog
        self._scribe = scribe
        self._judge = judge
        self._presses = presses
        self._clock = clock

    async def preview(self, asked: TypePreviewRequest) -> TypePreview:
        """Raises `NoSuchType`, `Unfit` for data that do not fit and for a campaign that could not be made, and `StorageError`
        where it is for a user.

        A type whose mail cannot be made is an answer with a `problem`.
        """
        catalog = self._catalog.current
        type_ = None if catalog is None else catalog.types.get(asked.type)
        if type_ is None:
            raise NoSuchType(asked.type)
        kind, variant = self._words(type_, asked)
        notification, subject = await self._made(type_, asked, kind)
        entry = notification.entry
        assert entry is not None
        assert entry.locale is not None
        explained = [] if asked.user is None else await self._explained(type_, asked.user)
        item = await self._shown(type_, asked, variant) or notification if type_.in_app else None
        found = TypePreview(
            locale=entry.locale,
            variant=variant,
            data=notification.data,
            item=item,
            mail=None,
            explained=explained,
        )
        if type_.email is None:
            return replace(found, problem="The type has no mail.")
        return await self._with_mail(found, type_, notification, subject)

    def _words(
        self, type_: "NotificationType", asked: TypePreviewRequest
    ) -> "tuple[NotificationType | None, str | None]":
        """The type in the words that are asked for, None for its own, and the name of their variant. Raises `Unfit`.

        They are those of the campaign, or of the variant that is asked for, else that falls to the user, or is
        chosen for everybody.
        """
        if asked.campaign is not None:
            return self._campaigns_words(asked.campaign, asked)
        trial = type_.trial
        if asked.variant is not None:
            variant = None if trial is None else trial.variant(asked.variant)
            if variant is None:
                raise Unfit({"variant": ["The type has no such variant."]})
        else:
            variant = None if trial is None else draw(self._catalog, type_.name, trial, asked.user).variant
        return (None, None) if variant is None else (variant.kind, variant.name)

    def _campaigns_words(
        self, plan: "Plan", asked: TypePreviewRequest
    ) -> "tuple[NotificationType, str | None]":
        """The type as a campaign with this plan would say it if it were started now, in its first variant where none is named."""
        from gateway.notify.campaigns import own_words

        catalog, type_ = sendable(self._catalog, asked.type)
        if errors := own_words.problems(type_, plan):
            raise Unfit({f"campaign.{name}": texts for name, texts in errors.items()})
        variant = next(iter(plan.variants), None) if asked.variant is None else plan.variant(asked.variant)
        if asked.variant is not None and variant is None:
            raise Unfit({"variant": ["The campaign has no such variant."]})
        kind = own_words.Kinds().of("", type_, None, plan, variant, default_locale=catalog.default_locale)
        return kind, None if variant is None else variant.name

    async def _made(
        self, type_: "NotificationType", asked: TypePreviewRequest, kind: "NotificationType | None"
    ) -> tuple[Notification, str | None]:
        """What an emit would make of it, and the subject of its mail.

        The request is an emit's as its sender would make it, to one room that is a user's.
        """
        # Without a user some room has to be there; nothing is stored in it.
        room = user_room(asked.user or "reader")
        request = EmitRequest(
            rooms=(room,),
            type=type_.name,
            # Where the type has no words, an emit brings them.
            title=None if type_.wordings else type_.name,
            data=_data(type_, asked),
            locale=asked.locale,
            email=None if type_.email is None else EmailRequest(if_known=True),
            kind=kind,
        )
        [filled] = await self._scribe.fill([request])
        if not isinstance(filled, Filled):
            raise filled
        text = filled.texts[room]
        notification = Notification(
            id=uuid7(),
            room=room,
            type=type_.name,
            title=text.words.title,
            body=text.words.body,
            link=text.words.link,
            data=request.data,
            created_at=self._clock(),
            entry=text.entry,
            collapse=None if text.collapse_key is None else Collapse(text.collapse_key),
        )
        return notification, text.subject

    async def _shown(
        self, type_: "NotificationType", asked: TypePreviewRequest, variant: str | None
    ) -> Notification | None:
        """What the inbox shows, where that is not what the mail says: in the app a campaign in variants says the same to all."""
        if asked.campaign is None or variant is None:
            return None
        for_all = replace(asked, variant=None, campaign=structs.replace(asked.campaign, variants=()))
        kind, _ = self._words(type_, for_all)
        notification, _ = await self._made(type_, for_all, kind)
        return notification

    async def _with_mail(
        self, found: TypePreview, type_: "NotificationType", notification: Notification, subject: str | None
    ) -> TypePreview:
        """The preview with its mail, or with the reason why no mail can be made of it."""
        catalog = self._catalog.current
        assert catalog is not None
        lane = LaneName(type_.lane)
        order = MailOrder(to=READER, subject=subject, due_at=self._clock(), lane=lane)
        try:
            mail = await self._presses[lane].render(notification, order)
        except (RenderFailure, TemplateFailure) as error:
            return replace(found, problem=str(error))
        names = chosen(catalog.templates, type_.name, found.locale).values()
        return replace(
            found, mail=mail, warnings=warnings_of(len(mail.html.encode())), templates=tuple(names)
        )

    async def explain(self, user: str, type_: str) -> list[Explained]:
        """What every gate says of the type for the user now, by channel; also of one that the catalog does not have.

        One channel after the other; each asks for itself whatever its gates ask. Raises `StorageError`.
        """
        return [await self._explain(user, type_, channel) for channel in CHANNELS]

    async def _explained(self, type_: "NotificationType", user: str) -> list[Explained]:
        """The same of a type of the catalog: of mail only where it has any."""
        return [
            await self._explain(user, type_.name, channel)
            for channel in CHANNELS
            if channel != EMAIL or type_.email is not None
        ]

    async def _explain(self, user: str, type_: str, channel: Channel) -> Explained:
        """What every gate says of one channel at this moment."""
        now, catalog = self._clock(), self._catalog.current
        known = None if catalog is None else catalog.types.get(type_)
        lane = LaneName.TRANSACTIONAL if known is None else LaneName(known.lane)
        return await self._judge.explain(
            Case(type=type_, user=user, room=user_room(user), channel=channel, now=now, due_at=now, lane=lane)
        )


def _data(type_: "NotificationType", asked: TypePreviewRequest) -> Mapping[str, Any]:
    """The data that are given, else those of the example. Raises `Unfit` for an example that there is not."""
    if asked.data is not None:
        return asked.data
    if asked.example < len(type_.examples):
        return type_.examples[asked.example]
    if not type_.examples and asked.example == 0:
        return {}
    raise Unfit({"example": [f"The type has {len(type_.examples)} examples; the first is 0."]})
