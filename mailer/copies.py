"""What many get at once is written once: bodies in which the URL to unsubscribe by alone is each reader's own.

It is for the built-in templates, which print that URL as it is, and of a notification nothing but what it tells.
"""

import secrets
import threading
from collections.abc import Callable

from markupsafe import escape

from mailer import letter
from storage.notifications import Notification

KEPT = 32
"""Bodies, at most; of more the oldest go."""
LONGEST_CHARACTERS = 4000
"""Of what is told: nothing longer is kept."""

CopyKey = tuple[str, ...]
Bodies = tuple[str, str]
"""The text, and the HTML."""


def key_of(notification: Notification, subject: str) -> CopyKey | None:
    """What its bodies are made of, but for the URL; None where that is long.

    The type, the subject, the texts, the link, the language and the data. Two notifications of one key are the same to a built-in
    template.
    """
    # By its text, in which 1, 1.0 and True are not the same.
    data = repr(notification.data)
    key = (
        notification.type,
        subject,
        notification.title,
        notification.body,
        notification.link or "",
        notification.locale or "",
        data,
    )
    return key if sum(map(len, key)) <= LONGEST_CHARACTERS else None


class Copies:
    """The bodies that were written lately. It may be asked by several threads.

    A lock is held while one is kept, and not while it is written: two threads may write the same at once, to the same
    effect.
    """

    def __init__(self) -> None:
        # Nobody can have written it into a notification.
        self._stand_in = f"https://{secrets.token_hex(16)}.invalid/"
        self._kept: dict[tuple[CopyKey, bool], Bodies] = {}
        self._changing = threading.Lock()

    def of(self, key: CopyKey, url: str | None, write: Callable[[str | None], Bodies]) -> Bodies:
        """The bodies with this URL; `write` makes them for one that is not kept.

        The URL is put in the place of one that nobody can have written, escaped as the template would have: so it is
        the body that would have been written for this reader, to the byte.
        """
        place = (key, url is None)
        bodies = self._kept.get(place)
        if bodies is None:
            bodies = write(None if url is None else self._stand_in)
            # Not while they are written: two threads that write the same keep the later one.
            with self._changing:
                if place not in self._kept and len(self._kept) >= KEPT:
                    del self._kept[next(iter(self._kept))]
                self._kept[place] = bodies
        if url is None:
            return bodies
        text, html = bodies
        url = letter.body(url)
        return text.replace(self._stand_in, url), html.replace(self._stand_in, str(escape(url)))
