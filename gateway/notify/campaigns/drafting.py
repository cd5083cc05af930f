"""Drafting: what each recipient of a campaign is decided to be, and the mail of those who get one. Nothing is kept here.

It is the same decision as an emit's, and it is made again as the mail leaves.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from gateway.ground.rooms import user_room
from gateway.ground.zones import zone
from gateway.notify import owing
from gateway.notify.campaigns.plans import (
    Given,
    Plan,
    TestRequest,
    first_at,
    given_of,
    obligation_id,
    plan_of,
)
from gateway.notify.decide import Judge, Judged
from gateway.notify.gates import preferences
from gateway.notify.preferences import NOTHING
from gateway.notify.requests import EmailRequest, EmitRequest
from gateway.notify.verdicts import EMAIL, Case, Delay, Moment, Send, Skip, Sources
from gateway.notify.whereabouts import zones_of
from gateway.notify.wording import Filled, Scribe
from mailer.address import compared
from storage.campaigns import TEST, Campaign, Decided, Recipient, RecipientState
from storage.errors import StorageError
from storage.ids import uuid7
from storage.mail import LaneName
from storage.outbox import Kind, Obligation, Subject
from storage.streams import Notification

if TYPE_CHECKING:
    from gateway.catalog.kinds import NotificationType

LOCAL_TIME = "local_time"
"""By this a recipient waits for the time on the own wall."""
NOT_ASKED = Skip(rule=preferences.RULE, detail="has not asked for it")
REASON_CHARACTERS = 200
WORDED_AT_ONCE = 50
SENT_ANYWAY = Judged(Send(), ())


@dataclass(frozen=True, slots=True)
class _Draft:
    """A recipient whose mail has words, and is in question."""

    recipient: Recipient
    filled: Filled
    email: EmailRequest
    case: Case


class Drafter:
    """Decides for recipients by what is known now. Raises `StorageError`, and has decided nothing then."""

    def __init__(self, *, scribe: Scribe, judge: Judge, sources: Sources) -> None:
        self._scribe = scribe
        self._judge = judge
        self._sources = sources

    def knows(self, campaign: Campaign) -> bool:
        """Whether the catalog in force has words and mail for it: without, all its recipients would come to nothing."""
        return self._type(campaign) is not None

    def _type(self, campaign: Campaign) -> "NotificationType | None":
        catalog = self._sources.catalog.current
        type_ = None if catalog is None else catalog.types.get(campaign.type)
        return type_ if type_ is not None and type_.email is not None and type_.wordings else None

    async def decide(
        self, campaign: Campaign, recipients: Sequence[Recipient], *, now: datetime
    ) -> list[Decided]:
        """What becomes of each, in any order."""
        plan = plan_of(campaign)
        givens = {each.id: given_of(each.given) for each in recipients}
        waiting = await self._waiting(campaign, plan, recipients, givens, now)
        decided = [
            Decided(id=id_, state=RecipientState.PENDING, wake_at=due_at, rule=LOCAL_TIME)
            for id_, due_at in waiting.items()
        ]
        unasked = await self._unasked(campaign, recipients)
        decided += [_skipped(id_, NOT_ASKED) for id_ in unasked - waiting.keys()]
        ready = [each for each in recipients if each.id not in waiting and each.id not in unasked]
        filled = await self._filled([_request(campaign, plan, each, givens[each.id]) for each in ready])
        drafts: list[_Draft] = []
        for recipient, each in zip(ready, filled, strict=True):
            found = _drafted(recipient, each, now)
            if isinstance(found, _Draft):
                drafts.append(found)
            else:
                decided.append(found)
        verdicts = await self._judge.judge([draft.case for draft in drafts], Moment.EMIT)
        for draft, judged in zip(drafts, verdicts, strict=True):
            if isinstance(judged, StorageError):
                raise judged
            decided.append(_decided(campaign, draft, judged))
        return decided

    async def _waiting(
        self,
        campaign: Campaign,
        plan: Plan,
        recipients: Sequence[Recipient],
        givens: Mapping[str, Given],
        now: datetime,
    ) -> dict[str, datetime]:
        """When it is the time of those whose time has not come, by their ids."""
        if plan.local_time is None:
            return {}
        since = campaign.started_at or campaign.send_at or now
        unknown = [each.user for each in recipients if givens[each.id].timezone is None]
        zones = await zones_of(self._sources, unknown) if unknown else {}
        waiting = {}
        for each in recipients:
            own = zone(givens[each.id].timezone or "") or zones.get(each.user, self._sources.zone)
            due_at = first_at(plan.local_time, own, since)
            if due_at > now:
                waiting[each.id] = due_at
        return waiting

    async def _filled(self, requests: Sequence[EmitRequest]) -> list[Filled | Exception]:
        """Each with its words. They are made a few at a time, with the loop's other work between."""
        filled: list[Filled | Exception] = []
        for start in range(0, len(requests), WORDED_AT_ONCE):
            filled += await self._scribe.fill(requests[start : start + WORDED_AT_ONCE])
            await asyncio.sleep(0)
        return filled

    async def _unasked(self, campaign: Campaign, recipients: Sequence[Recipient]) -> set[str]:
        """Those who have not asked for mail of a type that is mailed only to who has, by their ids."""
        type_ = self._type(campaign)
        assert type_ is not None
        assert type_.email is not None
        if type_.email.default:
            return set()
        chosen = await self._sources.preferences.of_many([each.user for each in recipients])
        return {
            each.id
            for each in recipients
            if not chosen.get(each.user, NOTHING).cell(type_, type_.name, EMAIL).value
        }

    async def test(self, campaign: Campaign, asked: TestRequest, *, now: datetime) -> list[Obligation]:
        """The mail that readers at these addresses would get, whatever they have chosen. Raises `Unfit`."""
        plan, given = plan_of(campaign), Given(locale=asked.locale, data=dict(asked.data))
        people = [Recipient(id=uuid7(), user=compared(address), address=address) for address in asked.to]
        requests = [_request(campaign, plan, each, given) for each in people]
        of = Subject(kind=Kind.CAMPAIGN, id=f"{TEST}{campaign.id}")
        obligations = []
        for person, filled in zip(people, await self._scribe.fill(requests), strict=True):
            if isinstance(filled, Exception):
                raise filled
            email = filled.request.email
            assert email is not None
            case = replace(_case(person, filled.request, email, now), due_at=now)
            obligations.append(_obligation(_Draft(person, filled, email, case), SENT_ANYWAY, of, person.id))
        return obligations


def _request(campaign: Campaign, plan: Plan, recipient: Recipient, given: Given) -> EmitRequest:
    """What an emit to the recipient would be asked."""
    return EmitRequest(
        rooms=(user_room(recipient.user),),
        type=campaign.type,
        title=None,
        data={**plan.data, **given.data},
        locale=given.locale,
        email=EmailRequest(if_known=True),
    )


def _drafted(recipient: Recipient, filled: Filled | Exception, now: datetime) -> _Draft | Decided:
    """The mail in question, or what becomes of a recipient who has none."""
    if isinstance(filled, StorageError):
        raise filled
    if isinstance(filled, Exception):
        return Decided(id=recipient.id, state=RecipientState.DEAD, reason=f"{filled}"[:REASON_CHARACTERS])
    email = filled.request.email
    assert email is not None
    return _Draft(recipient, filled, email, _case(recipient, filled.request, email, now))


def _case(recipient: Recipient, request: EmitRequest, email: EmailRequest, now: datetime) -> Case:
    return Case(
        type=request.type,
        user=recipient.user,
        room=request.rooms[0],
        channel=EMAIL,
        now=now,
        due_at=now + timedelta(seconds=email.after_seconds or 0),
        to=recipient.address,
        unless=email.unless,
        lane=LaneName.BULK,
    )


def _decided(campaign: Campaign, draft: _Draft, judged: Judged) -> Decided:
    verdict, id_ = judged.verdict, draft.recipient.id
    if isinstance(verdict, Skip):
        return _skipped(id_, verdict)
    if isinstance(verdict, Delay):
        return Decided(
            id=id_,
            state=RecipientState.PENDING,
            wake_at=verdict.until,
            rule=verdict.rule,
            reason=verdict.detail,
        )
    of = Subject(kind=Kind.CAMPAIGN, id=campaign.id)
    # A newsletter is a mail of its own: nothing of it is merged into another.
    sent = Judged(Send(), judged.facts)
    try:
        mail_id = obligation_id(campaign.id, draft.case.to or owing.address_of(judged))
    except ValueError as error:
        return Decided(id=id_, state=RecipientState.DEAD, reason=f"{error}"[:REASON_CHARACTERS])
    return Decided(id=id_, state=RecipientState.OWED, obligation=_obligation(draft, sent, of, mail_id))


def _skipped(id_: str, skip: Skip) -> Decided:
    return Decided(id=id_, state=RecipientState.SKIPPED, rule=skip.rule, reason=skip.detail)


def _obligation(draft: _Draft, judged: Judged, of: Subject, id_: str) -> Obligation:
    request, room = draft.filled.request, draft.case.room
    text = draft.filled.texts[room]
    return Obligation(
        id=id_,
        of=of,
        mail=owing.mail_of(draft.email, draft.case, judged, text),
        news=Notification(
            id=id_,
            room=room,
            type=request.type,
            title=text.words.title,
            body=text.words.body,
            link=text.words.link,
            data=request.data,
            created_at=draft.case.now,
            in_app=False,
            entry=text.entry,
        ),
    )
