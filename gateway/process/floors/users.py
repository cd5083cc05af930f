"""What is known of users, what they choose, and where their mail goes."""

from gateway.notify.choosing import Choices
from gateway.notify.leaving import Leaving
from gateway.notify.mailboxes import Hints
from gateway.notify.people import People
from gateway.notify.profiles import Profiles
from gateway.notify.topics import TopicBook
from gateway.process.floors.inboxes import InboxFloor
from gateway.process.floors.telling import TellingFloor
from gateway.process.member import Member


class UserFloor:
    """The books of users, and what is done when an address refuses mail."""

    def __init__(self, member: Member, telling: TellingFloor, inboxes: InboxFloor) -> None:
        store = member.store
        self.topics = TopicBook(store.topics, bus=member.bus, clock=member.clock)
        self.choices = Choices(
            store.preferences,
            catalog=member.catalog,
            languages=telling.languages,
            fanout=member.fanout,
            bus=member.bus,
            clock=member.clock,
        )
        self.people = People(
            presence=member.presence,
            contacts=member.contacts,
            topics=self.topics,
            choices=self.choices,
            schedule=store.schedule,
            outbox=store.outbox,
            digests=store.digests,
            held=store.people,
            suppressions=member.suppressions,
            recipients=store.recipients,
            audit=store.audit,
            clicks=store.clicks,
            opens=store.opens,
            trials=store.trials,
            reading=inboxes.reading,
            receiver=member.delivery,
            bus=member.bus,
            clock=member.clock,
        )
        self.hints = Hints(
            store.mailboxes,
            contacts=member.contacts,
            suppressions=member.suppressions,
            tell=telling.notices.mailbox_refused,
            take_back=telling.records.recall,
        )
        member.refusals.listeners.append(self.hints.look)
        self.profiles = Profiles(
            store.people, contacts=member.contacts, clock=member.clock, moved=self.hints.moved
        )
        self.leaving = _leaving(member, telling, self.choices)


def _leaving(member: Member, telling: TellingFloor, choices: Choices) -> Leaving | None:
    """What the links in mails can lower; None where mails have none."""
    if member.unsubscribe_links is None:
        return None
    return Leaving(
        member.store.links,
        member.unsubscribe_links,
        choices=choices,
        catalog=member.catalog,
        mails=member.store.outbox.find,
        tell=telling.notices.lowered,
    )
