"""Types: what holds for the notifications of each, what admins have switched, and what they did in the last day.

It puts together what others know: the live catalog, `switching`, the `tally`, `versions` and the book of
trials. Admins ask it, by HTTP and by their sessions; nothing on the path of an emit does.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gateway.catalog.buckets import ALL_OR_NONE
from gateway.catalog.channels import CHANNELS, EMAIL, IN_APP, Channel
from gateway.catalog.live import LiveCatalog
from gateway.catalog.switches import NONE, UNTOUCHED
from gateway.ground import encoding
from gateway.ground.clock import Clock
from gateway.notify.requests import Unfit
from gateway.notify.switching import Switching
from gateway.notify.trials.book import TrialBook, TypeTrial
from gateway.notify.types.tally import NOTHING, Tally, TallyCounts
from gateway.notify.types.versions import Versions
from storage.mail import LaneName
from storage.switches import SwitchChange, Switches, SwitchSettings

if TYPE_CHECKING:
    from gateway.catalog.kinds import Category, NotificationType

COMPLAINT = "COMPLAINT"
"""Somebody is not content, and waits for an answer: what a gateway without a catalog knows."""
CHANGES_SHOWN = 50
"""Changes of one type's switches that are shown."""
EXAMPLES_BYTES_SHOWN = 64 * 1024
"""As JSON: an example may be as large as a notification, and a type may have many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelState:
    """One channel of a type, as it is in force now."""

    enabled: bool
    """As far as the type is on."""
    percent: float
    """For how many it is on, from 0 to 100, as of now: a rollout may have steps in time."""
    overridden: bool
    """An admin has set it."""
    by_default: bool
    """Whether the type uses it of its own accord."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeState:
    """A type, and what holds for every notification of it now."""

    name: str
    known: bool
    """Whether the catalog has it."""
    urgent: bool
    """It needs an answer: admins are shown it until one of them has dealt with it."""
    category: str | None
    """None for a type that the catalog does not have."""
    critical: bool
    lane: LaneName
    """By which its mail leaves."""
    locales: Sequence[str]
    """Languages that it has words in; empty for one that brings its own."""
    enabled: bool
    """Whether the type as a whole is on."""
    channels: Mapping[Channel, ChannelState]
    changed: SwitchChange | None
    """What has switched it last."""
    day: TallyCounts
    """What became of it in this hour and the 23 before, in all processes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeDetail:
    """One of them in full."""

    state: TypeState
    schema: Mapping[str, Any] | None
    """The JSON Schema of its data; None where anything goes."""
    examples: Sequence[Mapping[str, Any]]
    """The first ones, as many as fit `EXAMPLES_BYTES_SHOWN`."""
    changes: Sequence[SwitchChange]
    """Newest first."""
    experiment: TypeTrial | None
    """None where it has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownTypes:
    """All types that the catalog has, and those that were switched without."""

    version: str | None
    """Of the catalog; None where there is none."""
    default_locale: str | None
    """The catalog's own language; None where there is none."""
    nodes: Mapping[str, str | None]
    """The version that each node runs."""
    categories: Sequence["Category"]
    types: Sequence[TypeState]


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedCategory:
    """A category as a reader sees it."""

    key: str
    name: str
    icon: str | None


class Types:
    """The use cases of types. They raise `StoreUnavailable`.

    What it shows is what this node knows: another may be a look behind (`switching`), or run another catalog
    (`versions`).
    """

    def __init__(
        self,
        *,
        live: LiveCatalog,
        switching: Switching,
        switches: Switches,
        tally: Tally,
        versions: Versions,
        trials: TrialBook,
        clock: Clock,
    ) -> None:
        self._live = live
        self._switching = switching
        self._switches = switches
        self._tally = tally
        self._versions = versions
        self._trials = trials
        self._clock = clock

    async def known(self) -> KnownTypes:
        """All types that there is something to show of, with the catalog and who runs which.

        One question to the store at most.
        """
        days = await self._tally.day()
        catalog = self._live.current
        return KnownTypes(
            version=None if catalog is None else catalog.version,
            default_locale=None if catalog is None else catalog.default_locale,
            nodes=self._versions.nodes(),
            categories=() if catalog is None else tuple(catalog.categories.values()),
            types=[self._state(name, days.get(name, NOTHING)) for name in self._names()],
        )

    async def categories(self, locale: str | None) -> list[NamedCategory]:
        """Those of the catalog in their order, named in the language as far as they have it."""
        catalog = self._live.current
        if catalog is None:
            return []
        default = catalog.default_locale
        return [
            NamedCategory(key=each.key, name=each.name(locale or default, default), icon=each.icon)
            for each in sorted(catalog.categories.values(), key=lambda each: each.order)
        ]

    async def one(self, name: str) -> TypeDetail | None:
        """The type; None if the catalog does not have it, and nobody has ever switched it.

        It costs two questions to the store, and three more with an experiment: for a page about one type.
        """
        if name not in self._switching.switched and name not in self._names():
            return None
        kind = self._kind(name)
        return TypeDetail(
            state=self._state(name, await self._tally.day_of(name)),
            schema=None if kind is None or kind.payload is None else kind.payload.schema,
            examples=() if kind is None else list(_first(kind.examples)),
            changes=await self._switches.history(name, limit=CHANGES_SHOWN),
            experiment=await self._trials.of(name),
        )

    async def switch(self, name: str, asked: SwitchSettings, *, by: str) -> TypeDetail:
        """Set what is asked, on every node; what is left out stays, and None is what the file says.

        A type that the catalog does not have may be switched too: whoever has to stop one cannot wait for a
        file. `variant` is what everybody gets of its experiment. Raises `TooManySwitched` as well, and
        `Unfit` for a variant that there is not, and for a part of the users of what is critical.

        When it returns it is in force here, and within a second elsewhere.
        """
        self._refuse_parts(name, asked)
        if "variant" in asked:
            settings = {key: value for key, value in asked.items() if key != "variant"}
            # Under the experiment's id: a new experiment of the type, in another catalog, is not settled by
            # it.
            asked = {**settings, "experiment": self._trials.choice(name, asked["variant"])}
        await self._switching.change(name, asked, by=by)
        detail = await self.one(name)
        assert detail is not None
        return detail

    def _refuse_parts(self, name: str, asked: SwitchSettings) -> None:
        """Raise `Unfit` where what is critical would be for some of the users."""
        kind = self._kind(name)
        if kind is None or not kind.critical:
            return
        parts = {
            f"channels.{channel}.percent": ["What is critical is for everybody or, at 0, for nobody."]
            for channel, override in asked.get("channels", {}).items()
            if override.get("percent") not in (None, *ALL_OR_NONE)
        }
        if parts:
            raise Unfit(parts)

    def _names(self) -> Iterator[str]:
        """Those that are shown: the catalog's in its order, then what was switched without it, by name.

        A switch that was taken back leaves nothing to show but its history.
        """
        catalog = self._live.current
        names = (COMPLAINT,) if catalog is None else tuple(catalog.types)
        yield from names
        yield from sorted(self._live.switches.keys() - set(names))

    def _kind(self, name: str) -> "NotificationType | None":
        """The type as the catalog in force has it, if it does."""
        return None if self._live.current is None else self._live.current.types.get(name)

    def _state(self, name: str, day: TallyCounts) -> TypeState:
        """How a type stands: what the catalog says, what is switched over it, and what a day has counted."""
        kind = self._kind(name)
        channels = {channel: self._channel(name, channel) for channel in CHANNELS}
        switched = self._switching.switched.get(name)
        return TypeState(
            name=name,
            known=kind is not None,
            urgent=name == COMPLAINT and self._live.current is None if kind is None else kind.urgent,
            category=None if kind is None else kind.category,
            critical=kind is not None and kind.critical,
            lane=LaneName.TRANSACTIONAL if kind is None else LaneName(kind.lane),
            locales=() if kind is None else tuple(kind.wordings),
            enabled=self._live.flag(name, IN_APP).type_on,
            channels=channels,
            changed=None if switched is None else switched.last,
            day=day,
        )

    def _channel(self, name: str, channel: Channel) -> ChannelState:
        """Whether a type goes out by this channel, to which share, and whether that is by its own or by a switch."""
        kind, live = self._kind(name), self._live
        of_its_own: Mapping[Channel, bool] = {
            IN_APP: kind is None or kind.in_app,
            EMAIL: kind is not None and kind.email is not None and kind.email.default,
        }
        return ChannelState(
            enabled=live.flag(name, channel).channel_on,
            percent=live.share(name, channel, key="", now=self._clock()).percent,
            overridden=live.switches.get(name, UNTOUCHED).channel(channel) != NONE,
            by_default=of_its_own[channel],
        )


def _first(examples: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """The first examples that fit together into what is shown."""
    left = EXAMPLES_BYTES_SHOWN
    for example in examples:
        left -= len(encoding.dumps(example))
        if left < 0:
            return
        yield example
