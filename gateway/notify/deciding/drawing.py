"""What falls to a person in the experiment of a type: it follows from the person's id and the salt, so all come to the same.

The scribe, the gate `holdout` and the preview of a type ask here, so that they cannot differ. Nothing is
looked up and nothing is kept.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.catalog.live import LiveCatalog
from gateway.experiments.lots import Aside, lot

if TYPE_CHECKING:
    from gateway.catalog.kinds import Trial, TypeVariant


@dataclass(frozen=True, slots=True)
class Draw:
    """What somebody gets.

    All three at their defaults: the own words, for somebody who takes no part.
    """

    variant: "TypeVariant | None" = None
    """The variant; None: the type's own words."""
    is_tried: bool = False
    """Whether it is counted: the variant has fallen to them by lot."""
    aside: Aside | None = None
    """Why no variant has fallen to them; None where one has."""


OWN_WORDS = Draw()


def draw(live: LiveCatalog, type_: str, trial: "Trial", user: str | None) -> Draw:
    """What a user gets; None for a room of many, in which nobody has a lot.

    Once it is settled, everybody gets what was chosen, also who was held out; nobody is counted then.
    """
    chosen = live.chosen(type_, trial)
    if chosen is not None:
        return Draw(variant=chosen)
    if user is None:
        return OWN_WORDS
    place = trial.split.place(user)
    if isinstance(place, Aside):
        return Draw(aside=place)
    return Draw(variant=trial.variants[place], is_tried=True)


def number(trial: "Trial", user: str) -> int:
    """The user's lot, from 0 to 9,999: a shop that knows the salt can compute it."""
    return lot(trial.split.salt, user)
