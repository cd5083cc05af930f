"""What admins set at run time for a type and its channels, over what the file says; and what two gates go by for it.

Values only. The store keeps them as the JSON that was asked; who may set them is of the operations, and how
nodes hear of them of `gateway.notify`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from gateway.catalog.buckets import bucket
from gateway.catalog.channels import CHANNELS, Channel


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """What admins have set for one channel of a type; None is what the file says."""

    enabled: bool | None = None
    percent: float | None = None
    """From 0 to 100; None is what the file says."""


NONE = Override()
"""No word of an admin on a channel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenVariant:
    """The variant that everybody gets from now on, of one experiment: another one is not settled by it."""

    trial: str
    """The id of the experiment."""
    variant: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """What admins have set for a type."""

    enabled: bool | None = None
    """Of the whole type; None is what the file says."""
    channels: Mapping[Channel, Override] = field(default_factory=lambda: MappingProxyType({}))
    """What is missing is what the file says."""
    choice: ChosenVariant | None = None
    """None: the experiment goes on."""

    def channel(self, channel: Channel) -> Override:
        """What was set for this channel."""
        return self.channels.get(channel, NONE)

    def over(self, other: "Switch") -> "Switch":
        """This one, and where it has no word, the other's: of the whole and of each channel by itself."""
        channels = {}
        for channel in CHANNELS:
            own, below = self.channel(channel), other.channel(channel)
            channels[channel] = Override(
                enabled=below.enabled if own.enabled is None else own.enabled,
                percent=below.percent if own.percent is None else own.percent,
            )
        return Switch(
            enabled=other.enabled if self.enabled is None else self.enabled,
            channels=channels,
            choice=self.choice or other.choice,
        )

    @property
    def has_channel_on(self) -> bool:
        """Whether a channel has been switched on by itself."""
        return any(override.enabled for override in self.channels.values())

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "Switch":
        """From settings as they are asked for and kept; what a newer release has set beside is left aside.

        Never raises for settings that were kept.
        """
        channels, choice = settings.get("channels", {}), settings.get("experiment")
        return cls(
            enabled=settings.get("enabled"),
            choice=None if choice is None else ChosenVariant(trial=choice["id"], variant=choice["variant"]),
            channels={
                channel: Override(
                    enabled=channels[channel].get("enabled"), percent=channels[channel].get("percent")
                )
                for channel in CHANNELS
                if channel in channels
            },
        )


UNTOUCHED = Switch()
"""No word of an admin on a type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """Whether a type, and a channel of it, are switched on.

    What the gate of switches goes by, and what an explanation shows.
    """

    type_on: bool
    """False: the whole is off, whatever is said of its channels."""
    channel_on: bool
    """As far as the type is on."""
    overridden: bool
    """An admin has set one of them: it is not what the file says."""
    by_flag: bool = False
    """The shop's flag service has the say: over the type where that is off, else over the channel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """For how many a channel of a type is on, and whether it is for one of them.

    What the gate of rollouts goes by. Made for each question, and kept with a verdict.
    """

    type: str
    channel: Channel
    salt: str
    key: str
    """A user's id, or the name of a shared room."""
    percent: float
    """Of those who have a bucket."""
    overridden: bool
    """An admin has set the percentage."""

    @property
    def bucket(self) -> int:
        """Made anew each time: whoever is in anyhow need not wait for it. It costs a hash."""
        return bucket(self.type, self.channel, self.salt, self.key)

    @property
    def is_in(self) -> bool:
        """Whether it is on for this key."""
        # Rounded: 0.07 times 100 is a little more than 7 to a computer.
        return self.percent >= 100 or self.bucket < round(self.percent * 100)
