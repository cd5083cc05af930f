"""How campaigns speak: each in the words that its type had when it was started, and its own over them.

What loads the catalog's libraries is imported where there is a catalog: a node without one does not load them.

`book` and `steering` ask whether a campaign can be of a type, the runner whether it can go on, the drafter
for the type as the campaign has it.
"""

from typing import TYPE_CHECKING

from gateway.catalog.live import LiveCatalog
from gateway.notify.campaigns.plans import Plan, Variant
from gateway.notify.requests import Unfit
from storage.campaigns import Campaign
from storage.mail import LaneName

if TYPE_CHECKING:
    from gateway.catalog.catalog import Catalog
    from gateway.catalog.kinds import NotificationType
    from gateway.notify.campaigns.own_words import Kinds

NO_TYPE = "the catalog does not have its type any more, with words and mail"
"""This and the next two are reasons of a pause: they are kept with the campaign, and shown as they are."""
SPEECHLESS = "the catalog has another default language now, in which it has no words"
REDESIGNED = "the templates of its mail are others since it began: resume it to go on with these"
DESIGNS_REMEMBERED = 64
"""A version of the catalog has a design for each type; at one more all are forgotten."""


def sendable(catalog: LiveCatalog, name: str) -> "tuple[Catalog, NotificationType]":
    """The type, if a campaign can be of it, and the catalog that has it. Raises `Unfit`.

    For what is begun by somebody, who can be told what to change.
    """
    current = catalog.current
    type_ = None if current is None else current.types.get(name)
    if current is None or type_ is None:
        raise Unfit({"type": ["Must be a type of the catalog."]})
    if LaneName(type_.lane) is not LaneName.BULK:
        raise Unfit({"type": ['Must be of the lane "bulk": nobody waits for a newsletter.']})
    if type_.email is None or not type_.wordings:
        raise Unfit({"type": ["Must have mail, and words."]})
    return current, type_


class Speech:
    """What campaigns say, by what was frozen of them and by the catalog in force.

    It remembers what it has made, and nothing that could be wrong: a reload of the catalog makes other keys.
    """

    def __init__(self, catalog: LiveCatalog) -> None:
        self._catalog = catalog
        self._kinds: Kinds | None = None
        self._designs: dict[tuple[str, str], str] = {}
        """By the catalog's version and the type."""

    def type_of(self, campaign: Campaign) -> "NotificationType | None":
        """Its type as the catalog in force has it; None where that has none with words and mail."""
        catalog = self._catalog.current
        type_ = None if catalog is None else catalog.types.get(campaign.type)
        return type_ if type_ is not None and type_.email is not None and type_.wordings else None

    def hindrance(self, campaign: Campaign) -> str | None:
        """Why it cannot go on as it has begun, by the catalog in force, if it cannot.

        The runner asks at each step, so it is cheap: a text of JSON is read, and a design is hashed once for
        a version. A campaign that was never frozen has begun with nothing that could be lost.
        """
        catalog, type_ = self._catalog.current, self.type_of(campaign)
        if catalog is None or type_ is None:
            return NO_TYPE
        if campaign.frozen is None:
            return None
        from gateway.notify.campaigns import own_words

        kept = own_words.read(campaign.frozen)
        if catalog.default_locale not in kept.texts:
            return SPEECHLESS
        place = (catalog.version, type_.name)
        if place not in self._designs:
            if len(self._designs) >= DESIGNS_REMEMBERED:
                self._designs.clear()
            self._designs[place] = own_words.design(catalog, type_)
        return None if self._designs[place] == kept.design else REDESIGNED

    def kind(self, campaign: Campaign, plan: Plan, variant: Variant | None) -> "NotificationType":
        """Its type, in its own words and in those of the variant.

        Ask only where there is no `hindrance`: a type is there then.
        """
        catalog, type_ = self._catalog.current, self.type_of(campaign)
        assert catalog is not None
        assert type_ is not None
        if campaign.frozen is None and not plan.texts and variant is None:
            return type_
        if self._kinds is None:
            from gateway.notify.campaigns.own_words import Kinds

            self._kinds = Kinds()
        return self._kinds.of(
            campaign.id, type_, campaign.frozen, plan, variant, default_locale=catalog.default_locale
        )
