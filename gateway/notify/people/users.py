"""People: who is online, what is held about a user, and ending a user's connections or that knowledge.

What each noun keeps of a user, that noun tells and forgets; here is only who asks for it, and when. Operators and
backends ask it, by HTTP and by the admins' sessions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gateway.cluster.bus.base import TRANSIENT, Bus
from gateway.cluster.commands import Disconnect, Erase, Erased, PreferencesChanged
from gateway.cluster.presence.base import Joined, Left, Online, Presence, Roster
from gateway.cluster.presence.errors import PresenceUnavailable
from gateway.ground import encoding
from gateway.ground.clock import Clock
from gateway.ground.encoding import Json
from gateway.ground.parts import Part, Tell, Whose
from gateway.ground.rooms import ADMINS, inbox_rooms, user_room
from gateway.notify.delivery import events
from gateway.notify.delivery.fanout import FrameReceiver
from gateway.notify.inboxes.reading import Reading
from gateway.notify.people.contacts import ContactBook
from gateway.notify.people.topics import TopicBook
from gateway.notify.requests import DisconnectRequest, FindRequest, RosterRequest
from gateway.notify.suppressions.lookup import forms_of
from storage import people as shelf
from storage.people import Contact, FoundContacts, Profile

USER_DATA_LIMIT = 10_000
"""Things of each kind at most, in the answer to what is held about a user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A user as presence and the contacts know them; both None for whom nobody has heard of."""

    user: str
    online: Online | None
    contact: Contact | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonInbox:
    """A person with what is unread in that person's rooms."""

    person: Person
    unread: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalData:
    """Everything held about a user.

    It is for the person's right to know. Each thing is read for itself, one after the other, so what changes
    in between may be in one and not in another.
    """

    profile: Profile
    """Empty for whom nobody has named."""
    held: Json
    """What each noun keeps, by the names that it tells it under."""


class Users:
    """The use cases of users. They raise `StoreUnavailable` and `PresenceUnavailable`.

    Those that ask presence raise `PresenceUnavailable` where it is away; `rooms` does not, for an inbox is
    more than its topics.
    """

    def __init__(
        self,
        *,
        presence: Presence,
        contacts: ContactBook,
        topics: TopicBook,
        people: shelf.People,
        tellers: Sequence[Tell],
        reading: Reading,
        receiver: FrameReceiver,
        bus: Bus,
        clock: Clock,
    ) -> None:
        """`tellers` tell what the shelves hold about a user, in the order of the answer."""
        self.keepers: list[Part] = []
        """They may keep something of users beside the shelves."""
        self._presence = presence
        self._contacts = contacts
        self._topics = topics
        self._people = people
        self._tellers = tellers
        self._reading = reading
        self._receiver = receiver
        self._bus = bus
        self._clock = clock

    async def roster(self, asked: RosterRequest) -> Roster:
        """A page of who is online, in the whole cluster."""
        return await self._presence.roster(after=asked.after, limit=asked.limit, prefix=asked.prefix)

    async def find(self, user: str) -> Person:
        """Whether the user is online anywhere, and what the contacts know."""
        return Person(
            user=user,
            online=await self._presence.find(user),
            contact=await self._contacts.contact(user),
        )

    async def search(self, asked: FindRequest) -> FoundContacts:
        """Those known of whom every word that is asked begins the id, the address or a word of the name; `limit` at most."""
        return await self._people.search(asked.text, limit=asked.limit)

    async def reader(self, user: str) -> PersonInbox:
        """The person, and how much is unread in the rooms that the person's token and the store name."""
        person = await self.find(user)
        count = await self._reading.unread(user, await self._rooms(user, person.online))
        return PersonInbox(person=person, unread=count.unread)

    async def rooms(self, user: str) -> Sequence[str]:
        """The rooms of the user's inbox: no topics of a token while the user is away, or presence is."""
        try:
            online = await self._presence.find(user)
        except PresenceUnavailable:
            online = None
        return await self._rooms(user, online)

    async def _rooms(self, user: str, online: Online | None) -> Sequence[str]:
        """The rooms of an inbox: the topics of the token that is online, and those that backends have given."""
        of_token = () if online is None else online.topics
        return inbox_rooms(user, dict.fromkeys((*of_token, *await self._topics.of(user))))

    async def disconnect(self, asked: DisconnectRequest) -> int:
        """End every connection of the user on every node; answers how many were known.

        Which connections those are is asked before: when this returns, the nodes may not have ended them yet.
        """
        online = await self._presence.find(asked.user)
        await self._bus.order_all(Disconnect(asked.user, asked.reason))
        return 0 if online is None else online.connections

    async def data(self, user: str) -> PersonalData:
        """Everything held about the user, of each kind the newest `USER_DATA_LIMIT` at most.

        A read of many shelves: for a person who asks, not for a page.
        """
        profile = await self._people.profile(user)
        contact = await self._contacts.contact(user)
        whose = await self._whose(user, contact)
        held: Json = {}
        for tell in (*self._tellers, *(part.held for part in self.keepers)):
            held |= await tell(whose, USER_DATA_LIMIT)
        return PersonalData(
            profile=Profile(
                contact=contact or Contact(user=user),
                attributes={} if profile is None else profile.attributes,
            ),
            held=held,
        )

    async def erase(self, user: str) -> int:
        """Forget everything held about the user; open connections end, and nothing is remembered of them.

        Answers how many notifications were wiped.

        Safe to repeat, and to be repeated after an error: the addresses are read first, and the shelves forget last,
        since nothing names them once the user is gone. The nodes hear of it before anything is forgotten, so that
        nothing of the user is written after it. Those that remember what the store has hear at the end: what they read
        again must not be found any more. So do the books of preferences, of every name that was erased.

        A crash after the sessions have ended leaves what the shelves have as before.
        """
        whose = await self._whose(user, await self._contacts.contact(user))
        # Before the store: contacts that are still collected on any node would bring the user back.
        await self._bus.order_all(Erase(user))
        for part in self.keepers:
            await part.erase(whose)
        erased = await self._people.erase_user(user, whose.room, now=self._clock(), addresses=whose.addresses)
        await self._bus.order_all(Erased(user))
        for name in (user, *whose.addresses):
            await self._bus.order_all(PreferencesChanged(name))
        return erased

    async def _whose(self, user: str, contact: Contact | None) -> Whose:
        """The user with all addresses that are nobody else's; what the contact book has not written down yet counts too."""
        room = user_room(user)
        news = [] if contact is None or contact.email is None else [contact.email]
        addresses = forms_of([*news, *await self._people.addresses(user, room)])
        own = await self._people.of_nobody_else(user, addresses)
        return Whose(user=user, room=room, addresses=own, at=self._clock())

    async def announce(self, change: Joined | Left) -> None:
        """Tell this node's admins that a user has come or gone; presence tells every node itself, in one order.

        A transient event: whoever opens the dashboard later asks for the roster.
        """
        if not self._receiver.hears(ADMINS):
            return
        if isinstance(change, Joined):
            event = "presence:joined"
            known: dict[str, Any] = {"name": change.name, "roles": list(change.roles)}
        else:
            event, known = "presence:left", {}
        payload = {"user": change.user, **known, "at": encoding.time(change.at)}
        self._receiver.receive(ADMINS, TRANSIENT, events.encode(event, payload))
