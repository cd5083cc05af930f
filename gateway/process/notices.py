"""What the gateway itself tells a person: that a link in a mail has turned something off."""

import logging

from gateway.ground.rooms import user_room
from gateway.http.unsubscribe_words import WORDS, PageWords, language
from gateway.notify.emitting import Emitter
from gateway.notify.leaving import Lowered
from gateway.notify.requests import UNSUBSCRIBED, EmitRequest

SCOPE = "bellhop"
TITLE_CHARACTERS = 200

logger = logging.getLogger(__name__)


class Notices:
    """Emits in the name of the gateway."""

    def __init__(self, emitter: Emitter) -> None:
        self._emitter = emitter

    async def lowered(self, lowered: Lowered) -> None:
        """Tell the user in the app, with the way back: whoever has a mail that was forwarded can click in it."""
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
    """What was turned off, as people call it."""
    names = lowered.visit.chosen.names
    whole = [words.channels[channel] for channel in lowered.patch.get("channels", {})]
    return whole + [
        f"{names.get(category, category)} ({words.channels[channel]})"
        for category, channels in lowered.patch.get("categories", {}).items()
        for channel in channels
    ]
