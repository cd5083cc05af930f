"""What a catalog says of a category and of a type, as it is after loading.

Only values: `types` reads them, `catalog` and `live` are asked with them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from gateway.catalog.buckets import EVERYBODY, Rollout
from gateway.catalog.channels import CHANNELS, Channel
from gateway.catalog.payload import Payload
from gateway.experiments.bounds import Metric
from gateway.experiments.findings import Design
from gateway.experiments.lots import Split
from mailer.locales import lookup
from mailer.phrases import Phrase
from storage.rhythms import DigestRule, Throttle

TypeLane = Literal["transactional", "bulk"]
"""By which a type's mail leaves."""
LANES: tuple[TypeLane, ...] = ("transactional", "bulk")
"""The first is what is meant where none is named."""


def _named(names: Mapping[str, str], locale: str, default: str) -> str:
    """The one of the names, of which there is one at least, in the best language for the reader."""
    return names[lookup(locale, names, default if default in names else next(iter(names)))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """A row of a user's preferences."""

    key: str
    """Such as `"orders"`."""
    names: Mapping[str, str]
    """By locale."""
    order: int = 0
    """Among the others, the smaller first."""
    icon: str | None = None
    """The name of one of the inbox's pictures, or a character or two that are shown as they are."""
    opt_in: bool = False
    """Whether nobody gets mail of it who has not asked for that; but for what is critical."""

    def name(self, locale: str, default: str) -> str:
        """What it is called in the best language for the reader."""
        return _named(self.names, locale, default)


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailRule:
    """That and how a type is mailed of its own accord."""

    default: bool = True
    """What holds for who has chosen nothing."""
    unless: Literal["read", "seen", "online"] | None = None
    """What makes it needless: that it was read, or seen, or that its reader is online."""
    after: float = 0.0
    """Seconds to wait."""
    clicks: bool = False
    """Whether its links are led by way of the gateway, for those who have agreed to that."""
    opens: bool = False
    """Whether it holds a picture that tells when it is fetched, for the same."""


BUTTON_STYLES = ("default", "primary", "danger")
"""The first is what is meant where none is named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """What a reader may press, in one locale."""

    id: str
    label: Phrase
    link: Phrase | None = None
    style: str = "default"
    """One of `BUTTON_STYLES`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """The texts of a type in one locale."""

    title: Phrase
    body: Phrase | None = None
    link: Phrase | None = None
    subject: Phrase | None = None
    """Of a mail; None: the title."""
    buttons: tuple[Button, ...] = ()
    image: Phrase | None = None

    @property
    def is_timed(self) -> bool:
        """Whether any of it tells the time."""
        own = (self.title, self.body, self.link, self.subject, self.image)
        pressed = (phrase for button in self.buttons for phrase in (button.label, button.link))
        return any(phrase is not None and phrase.is_timed for phrase in (*own, *pressed))


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationType:
    """A type, as the file has it; switches of admins are not in it."""

    name: str
    category: str
    names: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """What people are shown for it, by locale; none: something that is made of its name."""
    critical: bool = False
    """Nobody can choose not to get it."""
    opt_in: bool = False
    """Whether its mail waits for its reader's yes; never of what is critical."""
    urgent: bool = False
    """It needs an answer: admins are shown it until one of them has dealt with it."""
    lane: TypeLane = "transactional"
    payload: Payload | None = None
    """None: any data will do."""
    in_app: bool = True
    """Whether it is shown in the app at all."""
    email: EmailRule | None = None
    """None: no mail of its own accord."""
    wordings: Mapping[str, Wording] = field(default_factory=lambda: MappingProxyType({}))
    """By locale; none: an emit brings its own title."""
    examples: tuple[Mapping[str, Any], ...] = ()
    """Data that fit, for proofs and previews."""
    expires_in: float | None = None
    """Seconds."""
    collapse: Phrase | None = None
    """The key by which a newer one stands for an older one."""
    digest: DigestRule | None = None
    """None: mail comes by itself."""
    in_digests: bool = True
    """Whether its readers may choose to have its mail in a digest of the day or of the week."""
    throttle: Throttle | None = None
    """None: as often as it comes."""
    enabled: Mapping[Channel, bool] = field(default_factory=lambda: MappingProxyType({}))
    """By channel; what is missing is on."""
    rollouts: Mapping[Channel, Rollout] = field(default_factory=lambda: MappingProxyType({}))
    """By channel; what is missing is for everybody."""
    trial: "Trial | None" = None
    """In which variants of its texts are tried; None: it has one way to say what it says."""
    has_timed_mail: bool = False
    """Whether the templates of its mail tell the time."""
    is_timed: bool = field(init=False)
    """Whether it tells the time in words, variants or mail: only then its readers' zones make a difference."""

    def __post_init__(self) -> None:
        """Reckon once what every emit asks; `replace` reckons it anew."""
        trial = self.trial
        is_timed = (
            self.has_timed_mail
            or any(wording.is_timed for wording in self.wordings.values())
            or (trial is not None and any(each.kind.is_timed for each in trial.variants))
        )
        object.__setattr__(self, "is_timed", is_timed)

    def called(self, locale: str, default: str) -> str | None:
        """What it is called in the best language for the reader; None where the catalog has no name for it."""
        return _named(self.names, locale, default) if self.names else None

    def is_enabled(self, channel: Channel) -> bool:
        """Whether the file has this channel on."""
        return self.enabled.get(channel, True)

    @property
    def is_off(self) -> bool:
        """Whether it is switched off on every channel."""
        return not any(self.is_enabled(channel) for channel in CHANNELS)

    @property
    def is_shown_to_all(self) -> bool:
        """Whether it is on in-app, for everybody and at any time.

        Where it holds for every type, an emit asks no gate of rollouts.
        """
        rollout = self.rollout("in_app")
        return (
            self.is_enabled("in_app")
            and rollout.percent >= 100
            and not rollout.steps
            and (self.trial is None or not self.trial.split.holdout)
        )

    def rollout(self, channel: Channel) -> Rollout:
        """For how many the file has this channel on."""
        return self.rollouts.get(channel, EVERYBODY)


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeVariant:
    """One of several ways to say what a type says."""

    name: str
    weight: int
    """Its part of the lots, beside the others'."""
    kind: NotificationType
    """The type with the words of the variant, and with the time that its mail waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """The experiment of a type. The first of its variants is the control."""

    id: str
    """Another one with whatever is changed."""
    metric: Metric
    split: Split
    """How users fall to variants."""
    design: Design
    """What is expected of it, and how many people that takes."""
    seconds: float
    """After its beginning it is over."""
    variants: tuple[TypeVariant, ...]

    def variant(self, name: str) -> TypeVariant | None:
        """The variant of this name; None: there is none."""
        return next((each for each in self.variants if each.name == name), None)
