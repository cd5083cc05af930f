"""What Bellhop's own templates say beside what a notification tells, in the languages of its pages."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Final

from mailer.locales import lookup


@dataclass(frozen=True, slots=True, kw_only=True)
class MailWords:
    """The words of one language."""

    language: str
    direction: str = "ltr"
    """In which it is read: HTML's `dir`."""
    details: str
    """On the button that leads to what is told of."""
    because: str
    """Why the reader gets the mail; `{brand}` is filled in."""
    unsubscribe: str


ENGLISH: Final = MailWords(
    language="en",
    details="View details",
    because="You receive this message because of your account with {brand}.",
    unsubscribe="Unsubscribe",
)
GERMAN: Final = MailWords(
    language="de",
    details="Details ansehen",
    because="Sie bekommen diese Nachricht, weil Sie ein Konto bei {brand} haben.",
    unsubscribe="Abmelden",
)
FRENCH: Final = MailWords(
    language="fr",
    details="Voir les détails",
    because="Vous recevez ce message parce que vous avez un compte chez {brand}.",
    unsubscribe="Se désabonner",
)
SPANISH: Final = MailWords(
    language="es",
    details="Ver los detalles",
    because="Recibe este mensaje porque tiene una cuenta en {brand}.",
    unsubscribe="Darse de baja",
)
ARABIC: Final = MailWords(
    language="ar",
    direction="rtl",
    details="عرض التفاصيل",
    because="تصلك هذه الرسالة لأن لديك حسابًا لدى {brand}.",
    unsubscribe="إلغاء الاشتراك",
)
WORDS: Final[Mapping[str, MailWords]] = MappingProxyType(
    {each.language: each for each in (ENGLISH, GERMAN, FRENCH, SPANISH, ARABIC)}
)
"""By language."""


def words_in(locale: str | None, *, brand: str) -> dict[str, str]:
    """The words in the language that comes nearest, as a template prints them; English where none does."""
    words = asdict(WORDS[lookup(locale, WORDS, "en")])
    return words | {"because": words["because"].format(brand=brand)}
