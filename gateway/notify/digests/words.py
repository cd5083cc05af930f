"""What the mail of a digest says, in each language that it speaks.

These are the gateway's own words: the catalog has words for types, and a digest is of many. An operator who
wants others brings a template of the same name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from mailer.locales import lookup


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestWords:
    """The words of one language. Those without braces are given to the template as they are; the others are filled in first."""

    language: str
    heading: str
    """The title of a digest of two or more; `{total}` is filled in."""
    more: str
    """What is said of those that are not listed; `{more}` is filled in."""
    one_more: str
    """The same where only one is not listed."""
    open: str
    """The text of a link to a single one."""
    footer: str
    """Why the reader gets this mail."""
    unsubscribe: str


ENGLISH: Final = DigestWords(
    language="en",
    heading="{total} notifications that you have not seen",
    more="And {more} more.",
    one_more="And one more.",
    open="View",
    footer="You get these together because you, or whoever sends them, wanted it so.",
    unsubscribe="Unsubscribe",
)
GERMAN: Final = DigestWords(
    language="de",
    heading="{total} Benachrichtigungen, die Sie noch nicht gesehen haben",
    more="Und {more} weitere.",
    one_more="Und eine weitere.",
    open="Ansehen",
    footer="Sie bekommen sie gesammelt, weil Sie es so wollten, oder wer sie schickt.",
    unsubscribe="Abmelden",
)
FRENCH: Final = DigestWords(
    language="fr",
    heading="{total} notifications que vous n’avez pas encore vues",
    more="Et {more} autres.",
    one_more="Et une autre.",
    open="Voir",
    footer="Vous les recevez ensemble parce que vous, ou leur expéditeur, l’avez voulu ainsi.",
    unsubscribe="Se désabonner",
)
SPANISH: Final = DigestWords(
    language="es",
    heading="{total} notificaciones que aún no ha visto",
    more="Y {more} más.",
    one_more="Y una más.",
    open="Ver",
    footer="Las recibe juntas porque usted, o quien las envía, lo quiso así.",
    unsubscribe="Darse de baja",
)
ARABIC: Final = DigestWords(
    language="ar",
    # The numbers stand behind: before a noun, its form would be another for two, for a few and for many.
    heading="إشعارات لم ترها بعد: {total}",
    more="إشعارات أخرى: {more}.",
    one_more="وإشعار آخر.",
    open="عرض",
    footer="تصلك معًا لأنك أردت ذلك، أو أراده من يرسلها.",
    unsubscribe="إلغاء الاشتراك",
)
LANGUAGES: Final[Mapping[str, DigestWords]] = MappingProxyType(
    {each.language: each for each in (ENGLISH, GERMAN, FRENCH, SPANISH, ARABIC)}
)


def words_in(locale: str | None) -> DigestWords:
    """The words in the language that comes nearest; English where none does."""
    return LANGUAGES[lookup(locale, LANGUAGES, "en")]
