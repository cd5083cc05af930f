"""Types: what is known of what notifications are about, whoever emits them."""

from collections.abc import Mapping
from dataclasses import dataclass

COMPLAINT = "COMPLAINT"
"""Somebody is not content, and waits for an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What holds for every notification of a type."""

    urgent: bool = False
    """It needs an answer: admins are shown it until one of them has dealt with it."""


DEFAULTS: Mapping[str, Traits] = {COMPLAINT: Traits(urgent=True)}
"""Those of a gateway that nobody has told of its types."""


class Types:
    """The types that a gateway knows; of any other, nothing holds but what holds for all."""

    def __init__(self, known: Mapping[str, Traits] = DEFAULTS) -> None:
        self._known = dict(known)

    async def known(self) -> Mapping[str, Traits]:
        """The traits of each, by its name."""
        return self._known
