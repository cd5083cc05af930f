"""A catalog, as it is after loading: immutable, and quick to ask.

It is made by `loading` and replaced as a whole by `live`; two may be in use for a moment, each by who has
asked before. It reads nothing, waits for nothing, and knows neither switches nor buckets.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from msgspec import structs

from gateway.catalog.kinds import Category, NotificationType
from gateway.catalog.payload import Problems
from gateway.catalog.words import Planned, Worded, worded
from mailer.filters import Reader
from mailer.locales import lookup


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """All that was read of one folder. Frozen, and shared by all who ask."""

    default_locale: str
    """The language of last resort."""
    strict: bool = False
    """Whether types that it has not are refused."""
    categories: Mapping[str, Category]
    """By key, in the order of the file."""
    types: Mapping[str, NotificationType]
    """By name, in the order of the file."""
    templates: Mapping[str, str]
    """The mail templates, by file name."""
    version: str
    """A hash of all that it was loaded from: two nodes with the same files have the same."""

    def locales(self) -> tuple[str, ...]:
        """Those that any type has words in, the default one first.

        For pages that let somebody choose a language.
        """
        found = {locale for type_ in self.types.values() for locale in type_.wordings}
        return (self.default_locale, *sorted(found - {self.default_locale}))

    @property
    def tells_opens(self) -> bool:
        """Whether the mail of any type tells that it was opened."""
        return any(type_.email is not None and type_.email.opens for type_ in self.types.values())

    def problems(self, type_: NotificationType, data: Mapping[str, Any]) -> Problems:
        """What is wrong with the data of a type; nothing where they fit.

        Checked before any words are made: those rely on it.
        """
        return () if type_.payload is None else type_.payload.problems(data)

    def say(
        self, type_: NotificationType, data: Mapping[str, Any], locale: str, *, timezone: str = "UTC"
    ) -> Worded:
        """The words of a type in a locale that `spoken` has answered; the data must fit.

        Never raises for data that fit. The time zone is for times in the words.
        """
        return worded(type_, data, _reader(locale, timezone), default_locale=self.default_locale)

    def spoken(self, type_: NotificationType, locale: str | None) -> str:
        """The best locale that a type has for `locale`; one that has no words speaks any.

        By CLDR's fallbacks: `"de-AT"` is spoken to in `"de"`.
        """
        if locale is None:
            return self.default_locale
        return lookup(locale, type_.wordings, self.default_locale) if type_.wordings else locale

    def plan(
        self, type_: str, data: Mapping[str, Any], locale: str | None = None, *, timezone: str = "UTC"
    ) -> Planned:
        """Check the data, and make the words of a type in the best locale that it has for `locale`.

        A type that the catalog has not is a problem if the catalog is strict, and else has no words.

        Never raises. The short way for one reader; for a room of many, the scribe asks `problems`, `spoken`
        and `say` itself.
        """
        known = self.types.get(type_)
        problems: Problems
        if known is None:
            problems = (("/type", "the catalog has no such type"),) if self.strict else ()
            return Planned(
                locale=locale or self.default_locale, catalog_version=self.version, problems=problems
            )
        return self.plan_for(known, data, locale, timezone=timezone)

    def plan_for(
        self,
        known: NotificationType,
        data: Mapping[str, Any],
        locale: str | None = None,
        *,
        timezone: str = "UTC",
    ) -> Planned:
        """The same of a type that is at hand, such as a variant of one.

        Never raises; an experiment's variant is the type with other words.
        """
        problems = self.problems(known, data)
        if problems:
            return Planned(
                locale=self.default_locale,
                catalog_version=self.version,
                category=known.category,
                problems=problems,
            )
        spoken = self.spoken(known, locale)
        return Planned(
            **structs.asdict(self.say(known, data, spoken, timezone=timezone)),
            locale=spoken,
            catalog_version=self.version,
            category=known.category,
            expires_in=known.expires_in,
        )


_reader = lru_cache(maxsize=1024)(Reader)
"""Made once: most texts are for few languages and zones."""
