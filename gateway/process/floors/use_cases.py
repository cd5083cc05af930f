"""All that can be asked of a node, gathered from its floors: HTTP and Socket.IO ask the same objects.

It is a function and no floor, for nothing is added but the objects that nobody else needs.
"""

from gateway.notify.digests.opened import OpenDigests
from gateway.notify.emitting.preview import Previewer
from gateway.notify.mailroom import Mailroom
from gateway.notify.types.preview import TypePreviewer
from gateway.notify.types.states import Types
from gateway.process.floors.campaigns import CampaignFloor
from gateway.process.floors.inboxes import InboxFloor
from gateway.process.floors.keeping import KeepingFloor
from gateway.process.floors.telling import TellingFloor
from gateway.process.floors.users import UserFloor
from gateway.process.floors.views import ViewFloor
from gateway.process.member import Member
from gateway.protocol.use_cases import UseCases


def use_cases(
    member: Member,
    *,
    telling: TellingFloor,
    campaigns: CampaignFloor,
    inboxes: InboxFloor,
    users: UserFloor,
    keeping: KeepingFloor,
    views: ViewFloor,
) -> UseCases:
    """One object for each noun. What no part is made of is made here.

    A new use case is a field of `UseCases`, and a line here.
    """
    return UseCases(
        emitter=telling.emitter,
        previewer=_previewer(member, telling),
        records=telling.records,
        reading=inboxes.reading,
        acting=inboxes.acting,
        clicks=inboxes.clicks,
        mailroom=_mailroom(member),
        suppressions=member.suppressions,
        lanes=member.lanes,
        returns=member.returns,
        people=users.people,
        profiles=users.profiles,
        choices=users.choices,
        languages=telling.languages,
        topics=users.topics,
        scheduler=telling.scheduler,
        campaigns=campaigns.book,
        digests=OpenDigests(member.store.digests, judge=member.judge, clock=member.clock),
        statistics=keeping.statistics,
        types=_types(member, keeping),
        trials=keeping.trials,
        type_previewer=_type_previewer(member, telling),
        observatory=views.observatory,
        feed=views.feed,
        tracer=views.tracer,
        audit=views.audit,
        nodes=views.nodes,
        alerts=views.alerts,
        clock=member.clock,
    )


def _mailroom(member: Member) -> Mailroom:
    """What admins ask of mail."""
    return Mailroom(
        outbox=member.store.outbox,
        clock=member.clock,
        wake_mailer=member.wake_mailer,
        campaigns=member.store.campaigns,
    )


def _types(member: Member, keeping: KeepingFloor) -> Types:
    """What admins ask of types, and how they switch them."""
    return Types(
        live=member.catalog,
        switching=member.switching,
        switches=member.store.switches,
        tally=member.tally,
        versions=member.versions,
        trials=keeping.trials,
        clock=member.clock,
    )


def _previewer(member: Member, telling: TellingFloor) -> Previewer:
    """What an emit would do."""
    return Previewer(
        planner=telling.trial_planner,
        streams=member.store.streams,
        outbox=member.store.outbox,
        presence=member.presence,
        presses=member.presses,
    )


def _type_previewer(member: Member, telling: TellingFloor) -> TypePreviewer:
    """What a type would say."""
    return TypePreviewer(
        catalog=member.catalog,
        scribe=telling.scribe,
        judge=member.judge,
        presses=member.presses,
        clock=member.clock,
    )
