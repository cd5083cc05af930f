"""The catalog in force on this node, with the switches that admins have set at run time, and below them the flags of the shop.

A node without a catalog loads nothing of what reading one takes.

`part` puts catalogs in force, `gateway.notify` sets the switches, `flags` what the flag service says. Two nodes may differ for a moment in both;
who asks twice may get two answers.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

from gateway.catalog.buckets import EVERYBODY
from gateway.catalog.channels import Channel
from gateway.catalog.switches import UNTOUCHED, Flag, Share, Switch

if TYPE_CHECKING:
    from gateway.catalog.catalog import Catalog
    from gateway.catalog.kinds import Trial, TypeVariant


class LiveCatalog:
    """Whatever uses the catalog asks here, each time anew: a reload replaces `current`, an admin `switches`.

    One for a process, on its loop alone. What is remembered is made anew with each change, so that asking
    costs a look-up.
    """

    def __init__(self) -> None:
        self.current: Catalog | None = None
        """None: there is no catalog. It is put in force by `replace`."""
        self._switches: Mapping[str, Switch] = MappingProxyType({})
        self._flags: Mapping[str, Switch] = MappingProxyType({})
        self._set: Mapping[str, Switch] = MappingProxyType({})
        """What holds over the file: the switches, and where they have no word, the flags."""
        self.has_digests = False
        """Whether any type has a digest."""
        self.has_throttles = False
        self.has_opt_ins = False
        """Whether any type's mail waits for its reader's yes."""
        self.has_languages = False
        """Whether any type has words in several languages."""
        self.has_trials = False
        """Whether variants of any type are tried."""
        self.has_holdouts = False
        """Whether an experiment keeps anything from anybody."""
        self.may_hide = False
        """Whether a switch or a rollout may keep anything from being shown in-app; False: all is shown to everybody."""
        self._open: dict[tuple[str, Channel], bool] = {}
        """What is remembered of `is_open`, of the types that the catalog or a switch mentions."""
        self.on_change: list[Callable[[Catalog | None], None]] = []
        """Told of each catalog that has come into force, the first included; must neither wait nor raise."""

    @property
    def in_use(self) -> bool:
        """Whether there is a catalog or a switch: else no type is held up by anything here."""
        return self.current is not None or bool(self._set)

    @property
    def switches(self) -> Mapping[str, Switch]:
        """What admins have set, by type. Types that the catalog does not have may be switched as well."""
        return self._switches

    @switches.setter
    def switches(self, switches: Mapping[str, Switch]) -> None:
        self._switches = switches
        self._join()

    @property
    def flags(self) -> Mapping[str, Switch]:
        """What the shop's flag service says, by type: it holds over the file, and an admin's word over it."""
        return self._flags

    @flags.setter
    def flags(self, flags: Mapping[str, Switch]) -> None:
        self._flags = flags
        self._join()

    def _join(self) -> None:
        """Lay the switches over the flags, so that asking does not have to."""
        both = self._switches.keys() & self._flags.keys()
        self._set = {
            **self._flags,
            **self._switches,
            **{type_: self._switches[type_].over(self._flags[type_]) for type_ in both},
        }
        self._note_openness()

    def replace(self, catalog: "Catalog | None") -> None:
        """Put a catalog in force from now on.

        Listeners are told in the order in which they came. Never waits.
        """
        self.current = catalog
        types = () if catalog is None else catalog.types.values()
        self.has_digests = any(type_.digest is not None for type_ in types)
        self.has_throttles = any(type_.throttle is not None for type_ in types)
        self.has_opt_ins = any(type_.opt_in for type_ in types)
        self.has_languages = any(len(type_.wordings) > 1 for type_ in types)
        trials = [type_.trial for type_ in types if type_.trial is not None]
        self.has_trials = bool(trials)
        self.has_holdouts = any(trial.split.holdout for trial in trials)
        self._note_openness()
        # Last: who is told asks at once, and must find all of it new.
        for told in self.on_change:
            told(catalog)

    def _note_openness(self) -> None:
        """Forget what was remembered; note whether there is anything to be remembered."""
        self._open.clear()
        types = () if self.current is None else self.current.types.values()
        self.may_hide = bool(self._set) or not all(type_.is_shown_to_all for type_ in types)

    def mentions(self, type_: str) -> bool:
        """Whether the catalog, an admin or a flag says anything of the type; of any other, all is on for everybody."""
        return type_ in self._set or (self.current is not None and type_ in self.current.types)

    def is_open(self, type_: str, channel: Channel, now: datetime) -> bool:
        """Whether the channel of the type is on for everybody. It is remembered, unless a rollout has steps in time.

        The common question of an emit. A rollout with steps changes by itself, so it is reckoned each time.
        """
        known = self._open.get((type_, channel))
        if known is not None:
            return known
        if not self.mentions(type_):
            return True
        flag = self.flag(type_, channel)
        found = flag.type_on and flag.channel_on and self.share(type_, channel, "", now).percent >= 100
        kind = None if self.current is None else self.current.types.get(type_)
        if kind is not None and kind.trial is not None and self.chosen(type_, kind.trial) is None:
            # A holdout keeps it from some, until the experiment is settled.
            found = found and not kind.trial.split.holdout
        if kind is None or not kind.rollout(channel).steps:
            self._open[type_, channel] = found
        return found

    def trial(self, type_: str) -> "Trial | None":
        """The experiment of the type, settled or not; None where it has none."""
        kind = None if self.current is None else self.current.types.get(type_)
        return None if kind is None else kind.trial

    def chosen(self, type_: str, trial: "Trial") -> "TypeVariant | None":
        """The variant that everybody gets, once the experiment of the type is settled.

        None also where a choice was made of another experiment, as before its variants were changed.
        """
        choice = self.switches.get(type_, UNTOUCHED).choice
        return None if choice is None or choice.trial != trial.id else trial.variant(choice.variant)

    def flag(self, type_: str, channel: Channel) -> Flag:
        """Whether the channel of the type is switched on, as it is in force.

        An admin's word goes before the flag's, and that before the file, of the type and of the channel each by
        itself; then a word on a channel goes before one on the type, unless that is off.
        """
        known = None if self.current is None else self.current.types.get(type_)
        switch, by_admin = self._set.get(type_, UNTOUCHED), self._switches.get(type_, UNTOUCHED)
        whole, own = switch.enabled, switch.channel(channel).enabled
        admins_whole, admins_own = by_admin.enabled, by_admin.channel(channel).enabled
        off_by_file = known is not None and known.is_off
        if own is not None:
            channel_on = own
        else:
            # To switch a type on is no word on its channels, unless the file has switched off all of them.
            channel_on = known is None or known.is_enabled(channel) or (whole is True and off_by_file)
        # A file that switches off every channel has switched off the type, until one is switched on.
        type_on = (not off_by_file or switch.has_channel_on) if whole is None else whole
        return Flag(
            type_on=type_on,
            channel_on=channel_on,
            overridden=admins_whole is not None or admins_own is not None,
            by_flag=(own is not None and admins_own is None)
            if type_on
            else (whole is not None and admins_whole is None),
        )

    def share(self, type_: str, channel: Channel, key: str, now: datetime) -> Share:
        """For how many the channel of the type is on, by the bucket of `key`: a user's id, or a shared room's name.

        An admin's percentage takes the place of the file's and of its steps; the salt is always the file's.
        """
        known = None if self.current is None else self.current.types.get(type_)
        rollout = EVERYBODY if known is None else known.rollout(channel)
        own = self.switches.get(type_, UNTOUCHED).channel(channel).percent
        return Share(
            type=type_,
            channel=channel,
            salt=rollout.salt,
            key=key,
            percent=rollout.percent_at(now) if own is None else own,
            overridden=own is not None,
        )
