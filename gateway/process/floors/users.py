"""What is known of users, what they choose, and where their mail goes."""

from functools import partial

from gateway.notify.choosing.choices import Choices
from gateway.notify.choosing.leaving import Leaving
from gateway.notify.people.profiles import Profiles
from gateway.notify.people.topics import TopicBook
from gateway.notify.people.users import Users
from gateway.notify.suppressions.mailboxes import Hints
from gateway.process.floors.inboxes import InboxFloor
from gateway.process.floors.telling import TellingFloor
from gateway.process.member import Member
from gateway.protocol.holdings import HOLDINGS


class UserFloor:
    """The books of users, and what is done when an address refuses mail.

    A change of what is known reaches sessions by the bus, never from here.
    """

    def __init__(self, member: Member, telling: TellingFloor, inboxes: InboxFloor) -> None:
        store = member.store
        self.topics = TopicBook(store.topics, bus=member.bus, clock=member.clock)
        """Memberships."""
        self.choices = Choices(
            store.preferences,
            catalog=member.catalog,
            languages=telling.languages,
            fanout=member.fanout,
            bus=member.bus,
            clock=member.clock,
        )
        """Preferences."""
        self.people = Users(
            presence=member.presence,
            contacts=member.contacts,
            topics=self.topics,
            people=store.people,
            tellers=[partial(holding.tell, store) for holding in HOLDINGS],
            reading=inboxes.reading,
            receiver=member.delivery,
            bus=member.bus,
            clock=member.clock,
        )
        """Users as admins see them."""
        self.hints = Hints(
            store.mailboxes,
            contacts=member.contacts,
            suppressions=member.suppressions.lookup,
            tell=telling.notices.mailbox_refused,
            take_back=telling.records.recall,
        )
        """What tells users that their mailbox refuses mail."""
        # The book of refusals is older than the hints: it writes down, and these tell.
        member.refusals.listeners.append(self.hints.look)
        self.profiles = Profiles(
            store.people, contacts=member.contacts, clock=member.clock, moved=self.hints.moved
        )
        """What backends tell."""
        self.leaving = _leaving(member, telling, self.choices)
        """None where mails have no links."""
        if self.leaving is not None:
            member.returns.leave = self.leaving.lead


def _leaving(member: Member, telling: TellingFloor, choices: Choices) -> Leaving | None:
    """What the links in mails can lower; None where mails have none.

    They need a secret and an address to lead to.
    """
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
