"""Drafting: what each recipient of a campaign is decided to be, and the mail of those who get one. Nothing is kept here.

It is the same decision as an emit's, and it is made again as the mail leaves.

The runner keeps what it answers, the book shows it as a dry run or owes it as a test. It stands apart from
both, so that a dry run cannot say otherwise than what is sent.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from msgspec import structs

from gateway.experiments.lots import Aside
from gateway.ground.rooms import user_room
from gateway.ground.zones import zone
from gateway.notify import owing
from gateway.notify.campaigns import trial
from gateway.notify.campaigns.plans import (
    Given,
    Plan,
    TestRequest,
    Variant,
    beginning,
    first_at,
    given_of,
    obligation_id,
    plan_of,
)
from gateway.notify.campaigns.speech import NO_TYPE, Speech
from gateway.notify.decide import Judge, Judged
from gateway.notify.gates import holdout, preferences
from gateway.notify.preferences import NOTHING
from gateway.notify.requests import EmailRequest, EmitRequest, Unfit
from gateway.notify.verdicts import EMAIL, Case, Delay, Moment, Send, Skip, Sources
from gateway.notify.whereabouts import zones_of
from gateway.notify.wording import Filled, Scribe
from mailer.address import compared
from storage.campaigns import TEST, Campaign
from storage.errors import StorageError
from storage.ids import uuid7
from storage.mail import LaneName
from storage.notifications import Notification
from storage.obligations import Kind, Obligation, Subject
from storage.recipients import Decided, Recipient, RecipientState

LOCAL_TIME = "local_time"
"""In the place of a rule: a recipient waits for the time on the own wall."""
NOT_ASKED = Skip(rule=preferences.RULE, detail="has not asked for it")
REASON_CHARACTERS = 200
"""Of what is wrong with a recipient, so many are kept."""
WORDED_AT_ONCE = 50
"""Recipients whose words are made before the loop's other work has its turn."""
SENT_ANYWAY = Judged(Send(), ())
"""What stands for a decision of a test mail: nobody was asked, for its recipients are its makers."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A recipient whose turn may have come.

    Whoever is held out, or waits for the winner, is none.
    """

    recipient: Recipient
    given: Given
    """What the import has told of it; empty for an audience."""
    variant: Variant | None
    is_tried: bool = False
    """Whether the variant has fallen to it by lot."""


@dataclass(frozen=True, slots=True)
class _Draft:
    """A recipient whose mail has words, and is in question."""

    recipient: Recipient
    filled: Filled
    email: EmailRequest
    case: Case
    variant: str | None
    """Which it is of several ways to say it."""


class Drafter:
    """Decides for recipients by what is known now. Raises `StorageError`, and has decided nothing then.

    It keeps nothing of a recipient: all that it answers follows from the campaign, the recipient, and what is
    known at `now`. So whoever decides the same ones again, after a crash or at the same time, comes to the
    same ids of mails.
    """

    def __init__(self, *, scribe: Scribe, judge: Judge, sources: Sources) -> None:
        self._scribe = scribe
        self._judge = judge
        self._sources = sources
        self.speech = Speech(sources.catalog)

    async def decide(
        self, campaign: Campaign, recipients: Sequence[Recipient], *, now: datetime
    ) -> list[Decided]:
        """What becomes of each, in any order.

        Each recipient is in the answer once. Whoever is to wait is `pending`, with when to look again, or
        without where only a choice ends it.
        """
        plan = plan_of(campaign)
        split = trial.split_of(campaign.id, plan)
        candidates: list[_Candidate] = []
        decided: list[Decided] = []
        for each in recipients:
            assigned = trial.assignment_of(campaign, plan, split, each.user)
            if assigned.aside is Aside.HELD_OUT:
                decided.append(_skipped(each.id, holdout.HELD_OUT))
            elif assigned.aside is Aside.WAITS:
                decided.append(
                    Decided(
                        id=each.id, state=RecipientState.PENDING, rule=trial.EXPERIMENT, reason=trial.WAITS
                    )
                )
            else:
                candidates.append(
                    _Candidate(each, given_of(each.given), assigned.variant, is_tried=assigned.is_tried)
                )
        # Also of those who are skipped or wait: what has fallen to somebody is written down whatever becomes
        # of it, and so counts.
        tried = {
            each.recipient.id: each.variant.name for each in candidates if each.variant and each.is_tried
        }
        decided += await self._decide(campaign, plan, candidates, now=now)
        return [replace(each, variant=tried.get(each.id)) for each in decided] if tried else decided

    async def _decide(
        self, campaign: Campaign, plan: Plan, candidates: Sequence[_Candidate], *, now: datetime
    ) -> list[Decided]:
        """What becomes of each of those who are to get something.

        In this order, from what costs least: whose time has not come, who has not asked for it, then words,
        then the gates.
        """
        waiting = await self._waiting(campaign, plan, candidates, now)
        decided = [
            Decided(id=id_, state=RecipientState.PENDING, wake_at=due_at, rule=LOCAL_TIME)
            for id_, due_at in waiting.items()
        ]
        unasked = await self._unasked(campaign, [each.recipient for each in candidates])
        decided += [_skipped(id_, NOT_ASKED) for id_ in unasked - waiting.keys()]
        ready = [
            each
            for each in candidates
            if each.recipient.id not in waiting and each.recipient.id not in unasked
        ]
        # One variant after the other: what is said last of each type is remembered.
        ready.sort(key=lambda each: each.variant.name if each.variant else "")
        filled = await self._filled([self._request(campaign, plan, each) for each in ready])
        drafts: list[_Draft] = []
        for candidate, each in zip(ready, filled, strict=True):
            found = _drafted(campaign, candidate, each, now)
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
        self, campaign: Campaign, plan: Plan, candidates: Sequence[_Candidate], now: datetime
    ) -> dict[str, datetime]:
        """When it is the time of those whose time has not come, by their ids.

        A variant's time goes before the campaign's. It is the first such time since the beginning: of an
        import with a zone in that, of others as `whereabouts` knows it.
        """
        timed = [
            (each, wall)
            for each in candidates
            if (wall := (each.variant and each.variant.local_time) or plan.local_time) is not None
        ]
        if not timed:
            return {}
        begun = beginning(campaign, now)
        unknown = [each.recipient.user for each, _ in timed if each.given.timezone is None]
        zones = await zones_of(self._sources, unknown) if unknown else {}
        waiting = {}
        for each, wall in timed:
            own = zone(each.given.timezone or "") or zones.get(each.recipient.user, self._sources.zone)
            # Whoever has waited for the winner waits for the first such time since.
            since = begun if each.is_tried else campaign.chosen_at or begun
            due_at = first_at(wall, own, since)
            if due_at > now:
                waiting[each.recipient.id] = due_at
        return waiting

    async def _filled(self, requests: Sequence[EmitRequest]) -> list[Filled | Exception]:
        """Each with its words. They are made a few at a time, with the loop's other work between."""
        filled: list[Filled | Exception] = []
        for start in range(0, len(requests), WORDED_AT_ONCE):
            filled += await self._scribe.fill(requests[start : start + WORDED_AT_ONCE])
            await asyncio.sleep(0)
        return filled

    async def _unasked(self, campaign: Campaign, recipients: Sequence[Recipient]) -> set[str]:
        """Those who have not asked for mail of a type that is mailed only to who has, by their ids.

        A type whose mail is its own by default asks nobody, and costs nothing.
        """
        type_ = self.speech.type_of(campaign)
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

    def _request(self, campaign: Campaign, plan: Plan, candidate: _Candidate) -> EmitRequest:
        """What an emit to the recipient would be asked."""
        return EmitRequest(
            rooms=(user_room(candidate.recipient.user),),
            type=campaign.type,
            title=None,
            data={**plan.data, **candidate.given.data},
            locale=candidate.given.locale,
            email=EmailRequest(if_known=True),
            kind=self.speech.kind(campaign, plan, candidate.variant),
            timezone=candidate.given.timezone,
        )

    async def test(self, campaign: Campaign, asked: TestRequest, *, now: datetime) -> list[Obligation]:
        """The mail that readers at these addresses would get, whatever they have chosen. Raises `Unfit`.

        Its gates are those of a test as it leaves (`decide.OF_TESTS`). Its first variant is the one that is
        sent where none is named.
        """
        plan, given = plan_of(campaign), Given(locale=asked.locale, data=dict(asked.data))
        if self.speech.type_of(campaign) is None:
            raise Unfit({"type": [f"{NO_TYPE[:1].upper()}{NO_TYPE[1:]}."]})
        variant = plan.variant(asked.variant) if asked.variant else next(iter(plan.variants), None)
        if asked.variant is not None and variant is None:
            raise Unfit({"variant": ["The campaign has no such variant."]})
        people = [Recipient(id=uuid7(), user=compared(address), address=address) for address in asked.to]
        requests = [self._request(campaign, plan, _Candidate(each, given, variant)) for each in people]
        of = Subject(kind=Kind.CAMPAIGN, id=f"{TEST}{campaign.id}")
        name = None if variant is None else variant.name
        obligations = []
        for person, filled in zip(people, await self._scribe.fill(requests), strict=True):
            if isinstance(filled, Exception):
                raise filled
            email = filled.request.email
            assert email is not None
            # At once: whatever the type waits for, its makers do not.
            case = replace(_case(campaign, person, filled.request, email, now), due_at=now)
            obligations.append(
                _obligation(_Draft(person, filled, email, case, name), SENT_ANYWAY, of, person.id)
            )
        return obligations


def _drafted(
    campaign: Campaign, candidate: _Candidate, filled: Filled | Exception, now: datetime
) -> _Draft | Decided:
    """The mail in question, or what becomes of a recipient who has none.

    What a scribe refuses, such as data that do not fit any more, ends the recipient: `dead`, with the reason,
    and may be retried.
    """
    recipient, variant = candidate.recipient, candidate.variant
    if isinstance(filled, StorageError):
        raise filled
    if isinstance(filled, Exception):
        return Decided(id=recipient.id, state=RecipientState.DEAD, reason=f"{filled}"[:REASON_CHARACTERS])
    email = filled.request.email
    assert email is not None
    case = _case(campaign, recipient, filled.request, email, now)
    return _Draft(recipient, filled, email, case, None if variant is None else variant.name)


def _case(
    campaign: Campaign, recipient: Recipient, request: EmitRequest, email: EmailRequest, now: datetime
) -> Case:
    """What is to be decided of one recipient."""
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
        campaign=campaign.id,
    )


def _decided(campaign: Campaign, draft: _Draft, judged: Judged) -> Decided:
    """What the verdict makes of the recipient: owed a mail, skipped, or to be decided later.

    A merge is a send: the verdict's digest is passed over.
    """
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
        # By the address, so that two recipients who have the same one come to one mail: the second is skipped
        # by the store.
        mail_id = obligation_id(campaign.id, draft.case.to or owing.address_of(judged))
    except ValueError as error:
        return Decided(id=id_, state=RecipientState.DEAD, reason=f"{error}"[:REASON_CHARACTERS])
    return Decided(id=id_, state=RecipientState.OWED, obligation=_obligation(draft, sent, of, mail_id))


def _skipped(id_: str, skip: Skip) -> Decided:
    """A recipient who gets nothing, by this rule."""
    return Decided(id=id_, state=RecipientState.SKIPPED, rule=skip.rule, reason=skip.detail)


def _obligation(draft: _Draft, judged: Judged, of: Subject, id_: str) -> Obligation:
    """The mail that is owed, with what it says, as it is now.

    The news is in no stream, and never shown in-app; the app is told once for all (`announced`).
    """
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
            entry=text.entry if draft.variant is None else structs.replace(text.entry, variant=draft.variant),
        ),
    )
