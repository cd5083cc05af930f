"""People: who is online, what is held about a user, and ending a user's connections or that knowledge.

It asks the books and shelves that each know a part of a user, and knows only in which order. Operators and
backends ask it, by HTTP and by the admins' sessions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from gateway.cluster.bus.base import TRANSIENT, Bus
from gateway.cluster.commands import Disconnect, Erase, PreferencesChanged
from gateway.cluster.presence.base import Joined, Left, Online, Presence, Roster
from gateway.cluster.presence.errors import PresenceUnavailable
from gateway.ground import encoding
from gateway.ground.clock import Clock
from gateway.ground.rooms import ADMINS, inbox_rooms, user_room
from gateway.notify.choosing.choices import Choices
from gateway.notify.delivery import events
from gateway.notify.delivery.fanout import FrameReceiver
from gateway.notify.inboxes.reading import Reading
from gateway.notify.people.contacts import ContactBook
from gateway.notify.people.topics import TopicBook
from gateway.notify.preferences.chosen import UserPreferences
from gateway.notify.requests import DisconnectRequest, FindRequest, RosterRequest
from gateway.notify.suppressions.listing import SuppressionList
from gateway.notify.suppressions.lookup import forms_of
from storage import people as shelf
from storage.audit import Audit, Deed
from storage.campaigns import Campaign
from storage.clicks import Clicks, Hit
from storage.digests import Digests
from storage.notifications import Notification
from storage.obligations import Digest
from storage.opens import Open, Opens
from storage.outbox import Outbox
from storage.people import Contact, FoundContacts, UserData
from storage.preferences import CHANGES_KEPT, PreferenceChange
from storage.recipients import RecipientRow, Recipients
from storage.schedule import Schedule, Scheduled
from storage.suppressions import Suppression
from storage.trials import Participation, Trials

USER_DATA_LIMIT = 10_000
"""Of each kind of thing so many at most, in the answer to what is held about a user."""


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

    It is for the person's right to know. Each field is read for itself, one after the other, so what changes
    in between may be in one and not in another.
    """

    user: str
    data: UserData
    attributes: Mapping[str, Any]
    """What backends have told beside the fields that have a name."""
    topics: Mapping[str, datetime]
    """Those that backends have given, by name, with the time since when."""
    preferences: UserPreferences
    changes: tuple[PreferenceChange, ...]
    """Of the preferences, newest first."""
    scheduled: tuple[Scheduled, ...]
    """What is still to come for the user, the earliest first."""
    digests: tuple[Digest, ...]
    """Those open for the user; what is gathered in them is among the notifications."""
    suppressions: tuple[Suppression, ...]
    """Of the user's addresses."""
    mails: tuple[Notification, ...]
    """Those that are no notification's own, newest first."""
    campaigns: Sequence[tuple[Campaign, RecipientRow]]
    """That the user is or was a recipient of, newest first."""
    deeds: Sequence[Deed]
    """What was done by the user as an admin, and to the user, newest first."""
    clicks: Sequence[Hit]
    """On links in the user's mail, newest first."""
    click_targets: Sequence[str]
    """What those links lead to that nobody else was sent."""
    opens: Sequence[Open]
    """Of the user's mail, newest first."""
    trials: Sequence[Participation]
    """The user's part in the experiments of types, the newest first."""


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
        choices: Choices,
        schedule: Schedule,
        outbox: Outbox,
        digests: Digests,
        held: shelf.People,
        suppressions: SuppressionList,
        recipients: Recipients,
        audit: Audit,
        clicks: Clicks,
        opens: Opens,
        trials: Trials,
        reading: Reading,
        receiver: FrameReceiver,
        bus: Bus,
        clock: Clock,
    ) -> None:
        self._presence = presence
        self._contacts = contacts
        self._topics = topics
        self._choices = choices
        self._schedule = schedule
        self._outbox = outbox
        self._digests = digests
        self._held = held
        self._suppressions = suppressions
        self._recipients = recipients
        self._audit = audit
        self._clicks = clicks
        self._opens = opens
        self._trials = trials
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
        return await self._held.search(asked.text, limit=asked.limit)

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
        """Everything held about the user, the newest `USER_DATA_LIMIT` notifications at most.

        A read of many shelves: for a person who asks, not for a page.
        """
        data = await self._held.user_data(user, user_room(user), limit=USER_DATA_LIMIT)
        profile = await self._held.profile(user)
        contact = await self._contacts.contact(user)
        return PersonalData(
            user=user,
            data=replace(data, contact=contact),
            suppressions=await self._suppressions.of(await self._addresses(user, contact)),
            attributes={} if profile is None else profile.attributes,
            topics=await self._topics.since(user),
            preferences=(await self._choices.show(user)).preferences,
            changes=await self._choices.changes(user, limit=CHANGES_KEPT),
            campaigns=await self._recipients.of_user(user, limit=USER_DATA_LIMIT),
            clicks=await self._clicks.of_user(user, limit=USER_DATA_LIMIT),
            click_targets=await self._clicks.targets_of(user, limit=USER_DATA_LIMIT),
            opens=await self._opens.of_user(user, limit=USER_DATA_LIMIT),
            trials=await self._trials.of_user(user, limit=USER_DATA_LIMIT),
            scheduled=await self._schedule.of_room(user_room(user), limit=USER_DATA_LIMIT),
            mails=await self._outbox.of_room(user_room(user), limit=USER_DATA_LIMIT),
            digests=tuple(await self._digests.of_room(user_room(user), limit=USER_DATA_LIMIT)),
            deeds=await self._audit.of_person(user, limit=USER_DATA_LIMIT),
        )

    async def erase(self, user: str) -> int:
        """Forget everything held about the user; open connections end, and nothing is remembered of them.

        Answers how many notifications were wiped.

        Safe to repeat, and to be repeated after an error: the addresses are read first, since nothing names
        them once the user is gone. The nodes hear of it before the store forgets, so that nothing of the
        user is written after it. Preferences are told last: what a book reads again must not be found any more.

        A crash after the sessions have ended leaves the user as before.
        """
        addresses = forms_of(await self._addresses(user, await self._contacts.contact(user)))
        # Before the store: contacts that are still collected on any node would bring the user back.
        await self._bus.order_all(Erase(user))
        erased = await self._held.erase_user(user, user_room(user), now=self._clock(), addresses=addresses)
        await self._bus.order_all(PreferencesChanged(user))
        return erased

    async def _addresses(self, user: str, contact: Contact | None) -> list[str]:
        """Where the user's mail goes or went; what the contact book has not written down yet counts too."""
        news = [] if contact is None or contact.email is None else [contact.email]
        return [*news, *await self._held.addresses(user, user_room(user))]

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
