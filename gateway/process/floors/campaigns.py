"""What is sent to many: who makes campaigns, and who works on them."""

from gateway.notify.campaigns.audience import Audiences
from gateway.notify.campaigns.book import CampaignBook
from gateway.notify.campaigns.drafting import Drafter
from gateway.notify.campaigns.running import CampaignRunner
from gateway.notify.campaigns.steps import Steps
from gateway.notify.settings import StoreSettings
from gateway.process.floors.telling import TellingFloor
from gateway.process.floors.users import UserFloor
from gateway.process.member import Member


class CampaignFloor:
    """The runner that works on campaigns, and the book in which they are asked for.

    The runner works at what the store says, on any node; the book only writes there and wakes it.
    """

    def __init__(self, member: Member, telling: TellingFloor, users: UserFloor) -> None:
        audiences = Audiences(member.store.topics, member.store.people, telling.languages)
        drafter = Drafter(scribe=telling.scribe, judge=member.judge, sources=member.sources)
        steps = Steps(
            member.store.campaigns,
            member.store.recipients,
            audiences=audiences,
            drafter=drafter,
            emitter=telling.emitter,
            wake_mailer=member.wake_mailer,
            brakes=member.lanes.brakes,
        )
        self.runner = CampaignRunner(
            member.store.campaigns,
            steps,
            wake_mailer=member.wake_mailer,
            clock=member.clock,
            due_clock=member.clock.cautious,
            history_days=member.settings[StoreSettings].history_days,
            may_delete=lambda: member.clock.may_delete,
        )
        """What works on campaigns that run."""
        self.book = CampaignBook(
            member.store.campaigns,
            member.store.recipients,
            outbox=member.store.outbox,
            catalog=member.catalog,
            audiences=audiences,
            drafter=drafter,
            runner=self.runner,
            choices=users.choices,
            clock=member.clock,
        )
        """What is asked of campaigns."""
