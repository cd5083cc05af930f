"""Drafting: what each recipient of a campaign is decided to be, and the mail of those who get one. Nothing is kept here.

It is the same decision as an emit's, and it is made again as the mail leaves.

The runner keeps what it answers, the book shows it as a dry run or owes it as a test. It stands apart from
both, so that a dry run cannot say otherwise than what is sent.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from gateway.catalog.channels import EMAIL
from gateway.experiments.lots import Aside
from gateway.ground.rooms import user_room
from gateway.ground.zones import zone
from gateway.notify.campaigns import trial
from gateway.notify.campaigns.drafts import (
    Candidate,
    MailDraft,
    case_of,
    decided_of,
    drafted,
    obligation_of,
    skipped,
)
from gateway.notify.campaigns.plans import Given, Plan, TestRequest, beginning, first_at, given_of, plan_of
from gateway.notify.campaigns.speech import NO_TYPE, Speech
from gateway.notify.deciding.decision import Judge, Judged
from gateway.notify.deciding.gates import holdout, preferences
from gateway.notify.deciding.sources import Sources
from gateway.notify.deciding.verdicts import Moment, Send
from gateway.notify.deciding.whereabouts import zones_of
from gateway.notify.preferences.chosen import NOTHING
from gateway.notify.requests import EmailRequest, EmitRequest, Unfit
from gateway.notify.wording.scribe import Filled, Scribe
from mailer.address import compared
from storage.campaigns import TEST, Campaign
from storage.errors import StorageError
from storage.ids import uuid7
from storage.obligations import Kind, Obligation, Subject
from storage.recipients import Decided, Recipient, RecipientState

LOCAL_TIME = "local_time"
"""In the place of a rule: a recipient waits for the time on the own wall."""
WORDED_AT_ONCE = 50
"""Recipients whose words are made before the loop's other work has its turn."""
SENT_ANYWAY = Judged(Send(), ())
"""What stands for a decision of a test mail: nobody was asked, for its recipients are its makers."""


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
        candidates: list[Candidate] = []
        decided: list[Decided] = []
        for each in recipients:
            assigned = trial.assignment_of(campaign, plan, split, each.user)
            if assigned.aside is Aside.HELD_OUT:
                decided.append(skipped(each.id, holdout.HELD_OUT))
            elif assigned.aside is Aside.WAITS:
                decided.append(
                    Decided(
                        id=each.id, state=RecipientState.PENDING, rule=trial.EXPERIMENT, reason=trial.WAITS
                    )
                )
            else:
                candidates.append(
                    Candidate(each, given_of(each.given), assigned.variant, is_tried=assigned.is_tried)
                )
        # Also of those who are skipped or wait: what has fallen to somebody is written down whatever becomes
        # of it, and so counts.
        tried = {
            each.recipient.id: each.variant.name for each in candidates if each.variant and each.is_tried
        }
        decided += await self._decide(campaign, plan, candidates, now=now)
        return [replace(each, variant=tried.get(each.id)) for each in decided] if tried else decided

    async def _decide(
        self, campaign: Campaign, plan: Plan, candidates: Sequence[Candidate], *, now: datetime
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
        decided += [skipped(id_, preferences.NOT_ASKED) for id_ in unasked - waiting.keys()]
        ready = [
            each
            for each in candidates
            if each.recipient.id not in waiting and each.recipient.id not in unasked
        ]
        # One variant after the other: what is said last of each type is remembered.
        ready.sort(key=lambda each: each.variant.name if each.variant else "")
        filled = await self._filled([self._request(campaign, plan, each) for each in ready])
        drafts: list[MailDraft] = []
        for candidate, each in zip(ready, filled, strict=True):
            found = drafted(campaign, candidate, each, now)
            if isinstance(found, MailDraft):
                drafts.append(found)
            else:
                decided.append(found)
        verdicts = await self._judge.judge([draft.case for draft in drafts], Moment.EMIT)
        for draft, judged in zip(drafts, verdicts, strict=True):
            if isinstance(judged, StorageError):
                raise judged
            decided.append(decided_of(campaign, draft, judged))
        return decided

    async def _waiting(
        self, campaign: Campaign, plan: Plan, candidates: Sequence[Candidate], now: datetime
    ) -> dict[str, datetime]:
        """When it is the time of those whose time has not come, by their ids.

        A variant's time goes before the campaign's. It is the first such time since the beginning: of an
        import with a zone in that, of others as `deciding.whereabouts` knows it.
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

    def _request(self, campaign: Campaign, plan: Plan, candidate: Candidate) -> EmitRequest:
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

        Its gates are those of a test as it leaves (`deciding.decision.OF_TESTS`). Its first variant is the one that is
        sent where none is named.
        """
        plan, given = plan_of(campaign), Given(locale=asked.locale, data=dict(asked.data))
        if self.speech.type_of(campaign) is None:
            raise Unfit({"type": [f"{NO_TYPE[:1].upper()}{NO_TYPE[1:]}."]})
        variant = plan.variant(asked.variant) if asked.variant else next(iter(plan.variants), None)
        if asked.variant is not None and variant is None:
            raise Unfit({"variant": ["The campaign has no such variant."]})
        people = [Recipient(id=uuid7(), user=compared(address), address=address) for address in asked.to]
        requests = [self._request(campaign, plan, Candidate(each, given, variant)) for each in people]
        of = Subject(kind=Kind.CAMPAIGN, id=f"{TEST}{campaign.id}")
        name = None if variant is None else variant.name
        obligations = []
        for person, filled in zip(people, await self._scribe.fill(requests), strict=True):
            if isinstance(filled, Exception):
                raise filled
            email = filled.request.email
            assert email is not None
            # At once: whatever the type waits for, its makers do not.
            case = replace(case_of(campaign, person, filled.request, email, now), due_at=now)
            obligations.append(
                obligation_of(MailDraft(person, filled, email, case, name), SENT_ANYWAY, of, person.id)
            )
        return obligations
