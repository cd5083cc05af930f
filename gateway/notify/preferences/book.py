"""The preference book: what users have chosen, looked up by every emit and changed by few.

Most users have chosen nothing. What the others have chosen is kept from the start on, while they are not too many; if they
are, a sieve tells who has chosen nothing without a question, and what was asked for is kept for a while. The bus says when
somebody has changed it; what it loses is found in the store within half a minute.

Who decides asks here, in every process; who shows or changes a choice asks the store (`choosing`). An answer
may so be old by the time a command takes, and by half a minute where the bus has lost it; a decision at the
leaving of a mail is made anew then.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import orjson

from gateway.catalog.channels import CHANNELS, Channel
from gateway.cluster.commands import PreferencesChanged
from gateway.ground.clock import Clock
from gateway.ground.parts import CarryOut, Meters, Part
from gateway.ground.rooms import user_of, user_room
from gateway.ground.tasks import Tasks
from gateway.notify.preferences.chosen import NOTHING, UserPreferences
from gateway.notify.preferences.sieve import Sieve
from gateway.notify.preferences.suspicion import Suspicion
from storage import preferences as shelf
from storage.errors import StorageError

if TYPE_CHECKING:
    from gateway.catalog.kinds import NotificationType

KEPT_USERS = 10_000
"""The most users whose choices are kept in memory: at most some two kilobytes each, and a tenth where many chose alike."""
LOAD_USERS = 1_000
"""So many are read in two questions while the book is filled: who they are, and what they have chosen."""
RETRY_SECONDS = 5.0
"""The pause before the filling goes on where the store has interrupted it."""
OVERLAP = timedelta(minutes=1)
"""How much older a change may look than it is, by nodes' clocks that differ and by writes that are under way."""
RENEWAL = timedelta(minutes=10)
"""How long what is kept may miss that a user was erased, should the bus not tell."""
CHANGES_READ = KEPT_USERS
"""So many changes since the house was last kept are read; where there are more, all that is kept is read anew."""

logger = logging.getLogger(__name__)


class PreferenceBook(Part):
    """What users have chosen, for whoever decides. Look-ups raise `StorageError`.

    One that is not started hears of no changes: it keeps nothing, and asks each time.

    It has three ways to know that nothing has to be asked. While all who have chosen are kept (`_keeps_all`),
    whoever is not kept has chosen nothing. When they are too many, the sieve tells most strangers. Before it
    is filled it knows nothing, and asks for everybody: a start waits for no filling. It never goes back from
    the second to the first; a restart does.

    With the store away, what is kept still answers, and look-ups of others raise.
    """

    def __init__(self, preferences: shelf.Preferences, clock: Clock) -> None:
        self._preferences = preferences
        self._clock = clock
        self._sieve = Sieve()
        """Who has chosen anything, ever; nobody is taken out of it, also when all was taken back."""
        self._is_loaded = False
        """Whether the sieve has all who have chosen anything; until then everybody may have."""
        self._kept: dict[str, UserPreferences | None] = {}
        """The oldest first. None: it is to be asked for anew. Who is in the sieve by mistake has `NOTHING`."""
        self._alike: WeakValueDictionary[tuple[bytes, int], UserPreferences] = WeakValueDictionary()
        """Those in `_kept`, by document and version: who chose alike shares one object. It goes with the last of them."""
        self._refused: dict[Channel, set[str]] = {channel: set() for channel in CHANNELS}
        """By channel the rooms of those in `_kept` who have, or may have, refused something by it."""
        self._keeps_all = True
        """Whether all are in `_kept` who are in the sieve."""
        self._otherwise: UserPreferences | None = None
        """What holds for users who are not in `_kept`. It is `NOTHING` once all who have chosen anything are
        kept, and None, which means unknown, before that and when they are too many.
        """
        self._reads: list[set[str]] = []
        """For each question to the store that is under way: the users whose answer is old already."""
        self._looked_at = self._renewed_at = clock()
        """Up to when changes were read, and when all that is kept was last renewed."""
        self.asked = 0
        """Questions to the store."""
        self.listeners: list[Callable[[Iterable[str]], None]] = []
        """Told of users whose choices have changed, whoever has told of it here; they never wait."""
        self._tasks = Tasks()

    @property
    def in_use(self) -> bool:
        """Whether anybody has chosen anything, as far as is known here."""
        return self._sieve.count > 0 or not self._is_loaded

    def may_have_chosen(self, user: str) -> bool:
        """False where it is known here that the user has chosen nothing: nothing has to be asked."""
        return not self._is_loaded or user in self._sieve

    def refusal(self, type_: "NotificationType", channel: Channel) -> Suspicion | None:
        """The rooms whose users may have refused the channel of the type, as far as is known here.

        None: nobody has refused anything by the channel. It holds for as long as its caller does not wait. It
        may say yes of somebody who has refused nothing; of whoever has, as far as this node has heard, it
        says yes. `emitting.showing` judges those rooms alone.
        """

        def may_have_refused(room: str) -> bool:
            return self._may_have_refused(room, type_, channel)

        if self._otherwise is NOTHING:
            refused = self._refused[channel]
            return Suspicion(refused, may_have_refused) if refused else None
        # Not all are known, so each room is looked at: first by what is kept, then by the sieve.
        return Suspicion(of=may_have_refused) if self.in_use else None

    def _may_have_refused(self, room: str, type_: "NotificationType", channel: Channel) -> bool:
        """Whether the room's user may have; where nothing is kept of a user who has chosen something, that is a yes."""
        user = user_of(room)
        if user is None:
            return False
        chosen = self._kept.get(user, self._otherwise)
        if chosen is None:
            return self.may_have_chosen(user)
        return chosen.cell(type_, type_.name, channel).is_refused

    def measure(self, meters: Meters) -> None:
        meters.watch_counter(
            "bellhop_preference_lookups", "Questions to the store for preferences", lambda: self.asked
        )
        meters.watch_gauge(
            "bellhop_preferences_kept", "Users whose preferences are at hand", lambda: len(self._kept)
        )

    def commands(self) -> Mapping[type[Any], CarryOut]:
        return {PreferencesChanged: self._changed}

    def start(self) -> None:
        """Have changes count from now on, and begin to fill the book; look-ups work meanwhile."""
        self._looked_at = self._renewed_at = self._clock()
        self._tasks.start(self._load, name="preferences")

    async def stop(self) -> None:
        await self._tasks.stop()

    async def keep_house(self) -> None:
        """Forget what was changed since the last time, whether or not the bus has told of it.

        By `OVERLAP` further back than the last time: a change is seen twice rather than never, and what is
        kept of its version stays. Everything is renewed every ten minutes, since an erasure leaves no change
        behind that could be found.
        """
        now = self._clock()
        changed = await self._preferences.changed_since(self._looked_at - OVERLAP, limit=CHANGES_READ)
        if len(changed) == CHANGES_READ or now - self._renewed_at > RENEWAL:
            self._forget(list(self._kept))
            self._renewed_at = now
        self._note(changed, [user for user, version in changed.items() if not self._has(user, version)])
        self._looked_at = now

    async def of(self, user: str) -> UserPreferences:
        """As `of_many`, of one user; `NOTHING` for who has chosen nothing."""
        return (await self.of_many([user])).get(user, NOTHING)

    async def of_many(self, users: Sequence[str]) -> Mapping[str, UserPreferences]:
        """What those of `users` have chosen who have chosen anything: in one question, if there is one to ask.

        Who has chosen nothing is absent. What is kept costs no wait.
        """
        found: dict[str, UserPreferences] = {}
        missing: list[str] = []
        for user in users:
            kept = self._kept.get(user, self._otherwise)
            if kept is None:
                if self.may_have_chosen(user):
                    missing.append(user)
            elif kept is not NOTHING:
                found[user] = kept
        if missing:
            found |= await self._ask(missing)
        return found

    async def _ask(self, users: Sequence[str]) -> dict[str, UserPreferences]:
        """Read these from the store, and keep what was read, unless it became old while it was read.

        A change that is told of during the question puts its user into `old`: the answer may be of before it,
        and is given to this caller alone.
        """
        old: set[str] = set()
        self._reads.append(old)
        try:
            self.asked += 1
            answer = await self._preferences.of_users(users)
        finally:
            self._reads = [each for each in self._reads if each is not old]
        found = {user: self._shared(kept) for user, kept in answer.items()}
        # Not started, it hears of no changes, and may keep nothing.
        if self._tasks:
            for user in users:
                if user not in old:
                    self._keep(user, found.get(user, NOTHING))
            self._trim()
        return found

    def _shared(self, kept: shelf.StoredPreferences) -> UserPreferences:
        """One object for all who have chosen alike: of the few things there are to choose, most choose the same."""
        key = orjson.dumps(kept.document, option=orjson.OPT_SORT_KEYS), kept.version
        shared = self._alike.get(key)
        if shared is None:
            shared = self._alike[key] = UserPreferences(document=kept.document, version=kept.version)
        return shared

    def _changed(self, command: PreferencesChanged) -> None:
        self._note([command.user], [command.user])

    def _note(self, users: Iterable[str], unknown: Sequence[str]) -> None:
        """These users have changed something: they are in the sieve now, and the listeners are told.

        Nothing that is kept of the `unknown` ones of them holds.
        """
        users = list(users)
        for user in users:
            self._sieve.add(user)
        self._forget(unknown)
        for listen in self.listeners:
            listen(users)

    def _has(self, user: str, version: int) -> bool:
        """Whether what is kept of the user is of this version."""
        kept = self._kept.get(user)
        return kept is not None and kept.version == version

    def _forget(self, users: Sequence[str]) -> None:
        """Have these asked for anew, and what is being read of them not be kept."""
        for user in users:
            if self._keeps_all:
                # Kept as unknown, not dropped: who is absent would count as having chosen nothing.
                self._keep(user, None)
            else:
                self._drop(user)
        self._trim()
        for old in self._reads:
            old.update(users)

    def _trim(self) -> None:
        """Drop the oldest beyond `KEPT_USERS`; from then on the sieve tells."""
        while len(self._kept) > KEPT_USERS:
            self._keep_some()
            self._drop(next(iter(self._kept)))

    def _keep(self, user: str, chosen: UserPreferences | None) -> None:
        """Keep this of the user, and the user's room among those that may have refused something, by each channel."""
        self._kept[user] = chosen
        room = user_room(user)
        for channel, refused in self._refused.items():
            if chosen is None or chosen.refuses_by(channel):
                refused.add(room)
            else:
                refused.discard(room)

    def _drop(self, user: str) -> None:
        if self._kept.pop(user, NOTHING) is not NOTHING:
            for refused in self._refused.values():
                refused.discard(user_room(user))

    def _keep_some(self) -> None:
        """They are too many: from now on the sieve tells who has chosen nothing."""
        self._keeps_all = False
        self._otherwise = None

    async def _load(self) -> None:
        """Fill the book, however long the store takes; who is missing meanwhile is asked for."""
        after = ""
        while True:
            try:
                page = await self._preferences.users(after=after, limit=LOAD_USERS)
                if len(self._kept) + len(page) > KEPT_USERS:
                    self._keep_some()
                elif page:
                    await self._ask(page)
            except StorageError:
                await asyncio.sleep(RETRY_SECONDS)
                continue
            for user in page:
                # After the question: an error in it has the same page read again.
                self._sieve.add(user)
            if len(page) < LOAD_USERS:
                break
            after = page[-1]
        # Last: from here on a user who is not in the sieve is taken to have chosen nothing.
        self._is_loaded = True
        if self._keeps_all:
            self._otherwise = NOTHING
