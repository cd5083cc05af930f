"""What a connection may ask of its user's preferences: to be shown them, and to change them.

The same use cases answer `/api/preferences`; here the session says who asks. Other sessions of the user hear
of a change by `gateway.sockets.muting`, on every node.
"""

from collections.abc import Mapping
from typing import Any

from gateway.notify.choosing import shown
from gateway.protocol.parsing import parser
from gateway.protocol.preferences import PreferencesEventSchema
from gateway.protocol.use_cases import Caller, UseCases
from gateway.protocol.uses.choices import choose, own_preferences
from gateway.sockets.events import ROOT, Answer, Events
from gateway.sockets.sessions import Session

_asked = parser(PreferencesEventSchema())


class PreferenceEvents:
    """Registers the event `preferences` of the namespace `/`.

    A payload without preferences asks for them; one with them changes what it names. Sessions of `/admin`
    have no preferences.
    """

    def __init__(self, registry: Events, use: UseCases) -> None:
        self._use = use
        registry.on(ROOT, "preferences", self._preferences)

    async def _preferences(self, session: Session, payload: Mapping[str, Any]) -> Answer:
        """Show what the user has chosen, after the change if one is asked for. Raises `Invalid`, `Problem` and
        `StorageError`.
        """
        asked = _asked(payload)
        caller = Caller(scope=f"user:{session.user}", user=session.user)
        if asked is None:
            return shown(await own_preferences(self._use, caller, None))
        return shown(await choose(self._use, caller, asked))
