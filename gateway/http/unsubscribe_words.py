"""What the page of links in mails says, in each language that it speaks.

Notices of the gateway (`gateway.process.notices`) and the page for unknown clicks speak by it too. A further
language is one more value here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from mailer.locales import lookup

LONGEST_ACCEPT: Final = 256
"""Of an `Accept-Language` that is looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageWords:
    """What the page says in one language. All texts are plain; they are escaped where they are used."""

    title: str
    """Of the page."""
    ask: str
    """With `{name}`, of a category."""
    click: str
    """On the button of the question."""
    done: str
    """With `{name}`, of a category."""
    gone: str
    """Where the category is no more."""
    saved: str
    heading: str
    explain: str
    category: str
    kinds: str
    """With `{name}`, of a category: opens its types."""
    channels: Mapping[str, str]
    """Names of the channels, by channel."""
    always: str
    """In the place of a switch that nobody can choose."""
    often: Mapping[str, str]
    """In a digest, by what was chosen."""
    off: str
    all_email: str
    tracking: str
    tracking_opens: str
    """The same where mail tells that it was opened, too."""
    save: str
    more: str
    unknown: str
    notice: str
    """With `{what}`, of what was turned off."""
    notice_body: str
    """What to do if that was somebody else."""

    def of_tracking(self, *, opens: bool) -> str:
        """What the agreement to being told of is to."""
        return self.tracking_opens if opens else self.tracking


ENGLISH: Final = PageWords(
    title="What you are sent",
    ask="No more email about “{name}”?",
    click="Unsubscribe",
    done="Done: you get no more email about “{name}”.",
    gone="This kind of email is not sent any more. There is nothing to do.",
    saved="Saved.",
    heading="What you are sent",
    explain="Here you can turn things off. To turn them on again, sign in.",
    category="About",
    kinds="Kinds of {name}",
    channels=MappingProxyType({"email": "Email", "in_app": "In the app"}),
    always="always",
    often=MappingProxyType({"daily": "once a day", "weekly": "once a week"}),
    off="off",
    all_email="Email at all; what is important comes in any case",
    tracking="We may see which links in email you follow",
    tracking_opens="We may see which links in email you follow, and which emails you open",
    save="Save",
    more="Everything that you are sent",
    unknown="This link is not known, or not any more.",
    notice="Turned off by a link in an email: {what}",
    notice_body="If that was not you, turn it on again.",
)
GERMAN: Final = PageWords(
    title="Was Sie bekommen",
    ask="Keine E-Mails mehr über „{name}“?",
    click="Abbestellen",
    done="Erledigt: Sie bekommen keine E-Mails mehr über „{name}“.",
    gone="Solche E-Mails werden nicht mehr verschickt. Es ist nichts zu tun.",
    saved="Gespeichert.",
    heading="Was Sie bekommen",
    explain="Hier können Sie Dinge abstellen. Um sie wieder einzuschalten, melden Sie sich an.",
    category="Worüber",
    kinds="Arten: {name}",
    channels=MappingProxyType({"email": "E-Mail", "in_app": "In der App"}),
    always="immer",
    often=MappingProxyType({"daily": "einmal am Tag", "weekly": "einmal in der Woche"}),
    off="aus",
    all_email="Überhaupt E-Mails; was wichtig ist, kommt auf jeden Fall",
    tracking="Wir dürfen sehen, welchen Links in E-Mails Sie folgen",
    tracking_opens="Wir dürfen sehen, welchen Links in E-Mails Sie folgen, und welche E-Mails Sie öffnen",
    save="Speichern",
    more="Alles, was Sie bekommen",
    unknown="Dieser Link ist nicht bekannt, oder nicht mehr.",
    notice="Mit dem Link in einer E-Mail abgestellt: {what}",
    notice_body="Wenn Sie das nicht waren, stellen Sie es wieder an.",
)
FRENCH: Final = PageWords(
    title="Ce que vous recevez",
    ask="Ne plus recevoir d’e-mails à propos de « {name} » ?",
    click="Se désabonner",
    done="C’est fait : vous ne recevrez plus d’e-mails à propos de « {name} ».",
    gone="Ce genre d’e-mail n’est plus envoyé. Il n’y a rien à faire.",
    saved="Enregistré.",
    heading="Ce que vous recevez",
    explain="Vous pouvez ici désactiver des choses. Pour les réactiver, connectez-vous.",
    category="Sujet",
    kinds="Types : {name}",
    channels=MappingProxyType({"email": "E-mail", "in_app": "Dans l’appli"}),
    always="toujours",
    often=MappingProxyType({"daily": "une fois par jour", "weekly": "une fois par semaine"}),
    off="désactivé",
    all_email="Des e-mails en général ; ce qui est important arrive dans tous les cas",
    tracking="Nous pouvons voir quels liens vous suivez dans les e-mails",
    tracking_opens="Nous pouvons voir quels liens vous suivez dans les e-mails, et quels e-mails vous ouvrez",
    save="Enregistrer",
    more="Tout ce que vous recevez",
    unknown="Ce lien n’est pas connu, ou ne l’est plus.",
    notice="Désactivé par un lien dans un e-mail : {what}",
    notice_body="Si ce n’était pas vous, réactivez-le.",
)
SPANISH: Final = PageWords(
    title="Lo que recibe",
    ask="¿No recibir más correos sobre «{name}»?",
    click="Darse de baja",
    done="Hecho: ya no recibirá correos sobre «{name}».",
    gone="Este tipo de correo ya no se envía. No hay nada que hacer.",
    saved="Guardado.",
    heading="Lo que recibe",
    explain="Aquí puede desactivar cosas. Para volver a activarlas, inicie sesión.",
    category="Tema",
    kinds="Tipos: {name}",
    channels=MappingProxyType({"email": "Correo", "in_app": "En la aplicación"}),
    always="siempre",
    often=MappingProxyType({"daily": "una vez al día", "weekly": "una vez a la semana"}),
    off="desactivado",
    all_email="Correo en general; lo importante llega en cualquier caso",
    tracking="Podemos ver qué enlaces del correo sigue",
    tracking_opens="Podemos ver qué enlaces del correo sigue y qué correos abre",
    save="Guardar",
    more="Todo lo que recibe",
    unknown="Este enlace no se conoce, o ya no.",
    notice="Desactivado por un enlace de un correo: {what}",
    notice_body="Si no ha sido usted, vuelva a activarlo.",
)
ARABIC: Final = PageWords(
    title="ما يصلك",
    ask="إيقاف البريد عن «{name}»؟",
    click="إلغاء الاشتراك",
    done="تم: لن يصلك بعد الآن بريد عن «{name}».",
    gone="لم يعد هذا النوع من البريد يُرسل. لا حاجة إلى فعل شيء.",
    saved="حُفظ.",
    heading="ما يصلك",
    explain="يمكنك هنا إيقاف ما لا تريده. لإعادة تشغيله سجّل الدخول.",
    category="الموضوع",
    kinds="الأنواع: {name}",
    channels=MappingProxyType({"email": "البريد", "in_app": "في التطبيق"}),
    always="دائمًا",
    often=MappingProxyType({"daily": "مرة يوميًا", "weekly": "مرة أسبوعيًا"}),
    off="متوقف",
    all_email="البريد عمومًا؛ المهم يصلك في كل الأحوال",
    tracking="يمكننا أن نرى الروابط التي تفتحها في البريد",
    tracking_opens="يمكننا أن نرى الروابط التي تفتحها في البريد، والرسائل التي تفتحها",
    save="حفظ",
    more="كل ما يصلك",
    unknown="هذا الرابط غير معروف، أو لم يعد معروفًا.",
    notice="أُوقف برابط في رسالة بريد: {what}",
    notice_body="إن لم تكن أنت من فعل ذلك، فأعد تشغيله.",
)
WORDS: Final[Mapping[str, PageWords]] = MappingProxyType(
    {"en": ENGLISH, "de": GERMAN, "fr": FRENCH, "es": SPANISH, "ar": ARABIC}
)
"""By language."""
RIGHT_TO_LEFT: Final = frozenset({"ar"})
"""Of `WORDS`."""


def language(locale: str | None, accepted: str = "") -> str:
    """The language of the page: the person's, if it speaks that, else one that the browser accepts, else English.

    Always one of `WORDS`.
    """
    for wanted in (locale, *_accepted(accepted)):
        if wanted and (spoken := lookup(wanted, WORDS, "")):
            return spoken
    return "en"


def _accepted(header: str) -> list[str]:
    """The languages of an `Accept-Language` (RFC 9110, section 12.5.4), the most wanted first.

    What cannot be read is passed over; of equal weights the first stays first.
    """
    weighed = []
    for item in header[:LONGEST_ACCEPT].split(","):
        tag, _, weight = item.strip().partition(";")
        try:
            weighed.append((float(weight.strip().removeprefix("q=") or 1), tag.strip()))
        except ValueError:
            continue
    return [tag for weight, tag in sorted(weighed, key=lambda each: -each[0]) if weight > 0]
