"""What is answered of users: who is there, what is known of one, and all that is kept.

It gathers the shapes of other nouns where one user has some of each. Who may see all that, the operations
say.
"""

from gateway.cluster.presence.base import Online, Roster
from gateway.ground.encoding import Json, time, time_or_none
from gateway.notify.people.users import Person, PersonalData, PersonInbox
from gateway.protocol import (
    audits,
    campaign_answers,
    clicks,
    digests,
    preferences,
    schedule,
    shapes,
    suppressions,
    trial_results,
)


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
    """All that is kept of a user, for the user's right to see it: each noun in the shape that it has elsewhere."""
    data, contact = value.data, value.data.contact
    return {
        "user": value.user,
        "email": contact and contact.email,
        "name": contact and contact.name,
        "locale": contact and contact.locale,
        "timezone": contact and contact.timezone,
        "attributes": dict(value.attributes),
        "last_seen": contact and time_or_none(contact.last_seen),
        "topics": [{"topic": topic, "since": time(since)} for topic, since in value.topics.items()],
        "preferences": {**value.preferences.document, "version": value.preferences.version},
        "preference_changes": [preferences.change(each) for each in value.changes],
        "scheduled": [schedule.scheduled(item) for item in value.scheduled],
        "mails": [shapes.record(item) for item in value.mails],
        "digests": [digests.digest(each) for each in value.digests],
        "notifications": [shapes.record(item) for item in data.notifications],
        "receipts": shapes.receipts(data.receipts),
        "read_upto": dict(data.read_upto),
        "suppressions": [suppressions.suppression(each) for each in value.suppressions],
        "campaigns": [
            {"campaign": campaign.id, "name": campaign.name, **campaign_answers.recipient(row)}
            for campaign, row in value.campaigns
        ],
        "audit": [audits.deed(each) for each in value.deeds],
        "clicks": clicks.hits(value.clicks),
        "click_targets": list(value.click_targets),
        "opens": [clicks.opened(each) for each in value.opens],
        "trials": [trial_results.part(each) for each in value.trials],
    }


def disconnected(connections: int) -> Json:
    """How many connections were ended."""
    return {"disconnected": connections}


def erased(notifications: int) -> Json:
    """How many notifications went with the user."""
    return {"erased": notifications}
