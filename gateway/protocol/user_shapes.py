"""What is answered of users: who is there, what is known of one, and all that is kept.

What other nouns keep comes in the shapes of those (`gateway.protocol.holdings`). Who may see all that, the operations say.
"""

from gateway.cluster.presence.base import Online, Roster
from gateway.ground.encoding import Json, time, time_or_none
from gateway.notify.people.users import Person, PersonalData, PersonInbox
from gateway.protocol import people


def online(value: Online) -> Json:
    """A user who is online, as the roster lists it."""
    return {
        "user": value.user,
        "name": value.name,
        "roles": list(value.roles),
        "connections": value.connections,
        "since": time(value.since),
    }


def roster(page: Roster) -> Json:
    """A page of who is online, with the counts of the cluster."""
    return {
        "online": [online(user) for user in page.online],
        "users": page.users,
        "connections": page.connections,
        "next": page.next,
    }


def presence(value: Person) -> Json:
    """Whether one user is there."""
    return {
        "user": value.user,
        "online": value.online is not None,
        "connections": 0 if value.online is None else value.online.connections,
        "last_seen": value.contact and time_or_none(value.contact.last_seen),
    }


def reader(value: PersonInbox) -> Json:
    """One user, as admins see that user."""
    entry, contact = value.person.online, value.person.contact
    return {
        "user": value.person.user,
        "online": None if entry is None else {**online(entry), "topics": list(entry.topics)},
        "email": contact and contact.email,
        "name": contact and contact.name,
        "locale": contact and contact.locale,
        "last_seen": contact and time_or_none(contact.last_seen),
        "unread": value.unread,
    }


def user_data(value: PersonalData) -> Json:
    """All that is kept of a user, for the user's right to see it."""
    return {**people.profile(value.profile), **value.held}


def disconnected(connections: int) -> Json:
    """How many connections were ended."""
    return {"disconnected": connections}


def erased(notifications: int) -> Json:
    """How many notifications went with the user."""
    return {"erased": notifications}
