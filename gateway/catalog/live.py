"""The catalog in force on this node, with the switches that admins have set at run time.

A node without a catalog loads nothing of what reading one takes.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from gateway.catalog.buckets import bucket
from gateway.catalog.channels import Channel
from gateway.catalog.switches import NONE, ROLLOUT, SWITCH, Off, Switch

if TYPE_CHECKING:
    from gateway.catalog.catalog import Catalog


class LiveCatalog:
    """Whatever uses the catalog asks here, each time anew: a reload replaces `current`, an admin `switches`."""

    def __init__(self) -> None:
        self.current: Catalog | None = None
        """None: there is no catalog."""
        self.switches: Mapping[str, Switch] = {}
        """By type. Types that the catalog does not have may be switched as well."""

    def stop(self, type_: str, channel: Channel, key: str, now: datetime) -> Off | None:
        """Why the channel of the type is off for `key`, a user's id or the name of a shared room; None when it is on."""
        known = None if self.current is None else self.current.types.get(type_)
        switch = self.switches.get(type_)
        if known is None and switch is None:
            return None
        override = NONE if switch is None else switch.channels.get(channel, NONE)
        whole = None if switch is None else switch.enabled
        if whole is False:
            return Off(rule=SWITCH, detail="the type is switched off")
        enabled = override.enabled
        if enabled is None:
            # Switching a type on is no word on its channels, unless the file has switched off the whole.
            enabled = known is None or known.is_enabled(channel) or whole is True
        if not enabled:
            return Off(rule=SWITCH, detail="the channel of the type is switched off")
        if known is None and override.percent is None:
            return None
        rollout = None if known is None else known.rollout(channel)
        percent = override.percent
        if percent is None:
            assert rollout is not None
            percent = rollout.percent_at(now)
        if percent >= 100:
            return None
        place = bucket(type_, channel, "" if rollout is None else rollout.salt, key)
        if place < round(percent * 100):
            return None
        return Off(
            rule=ROLLOUT, detail=f"the type is on for {percent:g} %, and bucket {place} is not among them"
        )
