"""What the gateway itself tells a person: that a link in a mail has turned something off, or that their mailbox refuses us.

The types are the gateway's own
(`gateway.catalog.own`), so a catalog need not have them. When
something is told is decided by who calls: `gateway.notify` for mailboxes, the pages of links for what they
turn off.
"""

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.ground.rooms import user_room
from gateway.http.unsubscribe_words import WORDS, PageWords, language
from gateway.notify.choosing.leaving import Lowered
from gateway.notify.choosing.lowering import called
from gateway.notify.emitting.emitter import Emitter
from gateway.notify.requests import MAILBOX_REFUSED, UNSUBSCRIBED, EmitRequest
from gateway.notify.wording.languages import Languages
from mailer.locales import lookup
from storage.mailboxes import RefusingMailbox

SCOPE = "bellhop"
"""In whose name it is emitted; idempotency keys are kept under it."""
TITLE_CHARACTERS = 200
"""What a title may have."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxWords:
    """What is told of a mailbox, in one language."""

    title: str
    """Without a placeholder."""
    body: str
    """With `{address}`."""


MAILBOX_WORDS: Final[Mapping[str, MailboxWords]] = {
    "en": MailboxWords(
        title="Your mailbox refuses our mail",
        body="Mail to {address} comes back to us, so we send none there any more. Tell us another address to get mail again.",
    ),
    "de": MailboxWords(
        title="Ihr Postfach nimmt unsere E-Mails nicht an",
        body="E-Mails an {address} kommen zu uns zurück, darum schicken wir keine mehr dorthin. Mit einer anderen Adresse "
        "bekommen Sie wieder welche.",
    ),
    "fr": MailboxWords(
        title="Votre boîte refuse nos e-mails",
        body="Les e-mails à {address} nous reviennent, nous n’y envoyons donc plus rien. Donnez-nous une autre adresse pour en "
        "recevoir à nouveau.",
    ),
    "es": MailboxWords(
        title="Su buzón rechaza nuestro correo",
        body="El correo a {address} nos llega devuelto, así que ya no enviamos nada allí. Indíquenos otra dirección para "
        "volver a recibirlo.",
    ),
    "ar": MailboxWords(
        title="صندوق بريدك يرفض رسائلنا",
        body="يعود إلينا البريد المرسل إلى {address}، لذلك لم نعد نرسل إليه شيئًا. أعطنا عنوانًا آخر ليصلك البريد من جديد.",
    ),
}
"""By language."""


class Notices:
    """Emits in the name of the gateway. It keeps nothing; it is part of no order of starts."""

    def __init__(self, emitter: Emitter, languages: Languages) -> None:
        self._emitter = emitter
        self._languages = languages

    async def mailbox_refused(self, refusal: RefusingMailbox) -> str:
        """Tell the user in the app that mail to them comes back; answers the notification's id. Repeated, it is the same one.

        Raises `StorageError`.

        In the app alone: by mail it could not be told.
        """
        locale = (await self._languages.of([refusal.user])).get(refusal.user)
        words = MAILBOX_WORDS[lookup(locale, MAILBOX_WORDS, "en")]
        # By the refusal, not by the words: the user's language may be another the second time.
        key = hashlib.sha256(f"{refusal.user}\0{refusal.address}\0{refusal.at}".encode())
        request = EmitRequest(
            rooms=(user_room(refusal.user),),
            type=MAILBOX_REFUSED,
            title=words.title,
            body=words.body.format(address=refusal.address),
            # The person's own address, in the person's own room.
            data={"address": refusal.address},
            no_email=True,
            idempotency_key=f"mailbox-{key.hexdigest()}",
        )
        emitted = await self._emitter.emit(request, scope=SCOPE)
        return emitted.notifications[0].id

    async def lowered(self, lowered: Lowered) -> None:
        """Tell the user in the app, with the way back: whoever has a mail that was forwarded can click in it.

        Never raises. Each click tells once more: without a key, since turning the same off twice is two
        events.
        """
        visit = lowered.visit
        words = WORDS[language(visit.locale)]
        what = ", ".join(_places(lowered, words))
        request = EmitRequest(
            rooms=(user_room(visit.user),),
            type=UNSUBSCRIBED,
            title=words.notice.format(what=what)[:TITLE_CHARACTERS],
            body=words.notice_body,
            data={"undo": dict(lowered.undo)},
        )
        try:
            await self._emitter.emit(request, scope=SCOPE)
        except Exception:
            # What was chosen holds all the same.
            logger.exception("a user could not be told of what a link has turned off")


def _places(lowered: Lowered, words: PageWords) -> list[str]:
    """What was turned off, as people call it; of a category that was, not each of its types."""
    chosen = lowered.visit.chosen
    names, categories = chosen.names, lowered.patch.get("categories", {})
    category_of = {row.type.name: row.type.category for row in chosen.grid}
    whole = [words.channels[channel] for channel in lowered.patch.get("channels", {})]
    whole += [words.of_tracking(opens=lowered.visit.tells_opens)] if "tracking" in lowered.patch else []
    whole += [
        f"{names.get(category, category)} ({words.channels[channel]})"
        for category, channels in categories.items()
        for channel in channels
    ]
    return whole + [
        f"{called(type_, chosen)} ({words.channels[channel]})"
        for type_, channels in lowered.patch.get("types", {}).items()
        for channel in channels
        if channel not in categories.get(category_of.get(type_), {})
    ]
