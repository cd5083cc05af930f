"""What admins set at run time for a type and its channels, over what the file says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from gateway.catalog.channels import Channel

SWITCH = "switch"
ROLLOUT = "rollout"


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """What admins have set for one channel of a type; None is what the file says."""

    enabled: bool | None = None
    percent: float | None = None


NONE = Override()


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """What admins have set for a type."""

    enabled: bool | None = None
    """Of the whole type; None is what the file says."""
    channels: Mapping[Channel, Override] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Off:
    """Why a channel of a type is off for somebody."""

    rule: str
    """`SWITCH` or `ROLLOUT`."""
    detail: str
