"""A suppression in one lane holds for what leaves by it, wherever that is judged."""

from typing import Any

from gateway.catalog.catalog import Catalog
from gateway.catalog.kinds import Category, EmailRule, NotificationType
from gateway.notify.deciding.verdicts import Skip
from gateway.notify.emitting import owing
from gateway.notify.requests import EmailRequest, EmitRequest
from gateway.notify.types.preview import TypePreviewer
from gateway.notify.wording.scribe import Filled
from storage.mail import LaneName, MailState
from tests.unit.gateway.deciding.known import NOW, Known, suppressed

OFFER = NotificationType(name="OFFER", category="offers", lane="bulk", email=EmailRule())
ADDRESS = "ann@example.org"


async def state_at_the_emit(known: Known) -> MailState:
    request = EmitRequest(
        rooms=("user:ann",), type="OFFER", title="x", data={}, email=EmailRequest(lane=LaneName.BULK)
    )
    [mails] = await owing.mails_of_each(known.judge(), [Filled(request, {})], NOW)
    assert not isinstance(mails, Exception)
    return mails["user:ann"].state


async def test_bulk_mail_is_judged_by_its_own_lane_at_the_emit():
    known: Any = Known()
    known.suppressed = {ADDRESS: suppressed("lane:transactional").entries}
    assert await state_at_the_emit(known) is MailState.PENDING

    known.suppressed = {ADDRESS: suppressed("lane:bulk").entries}
    assert await state_at_the_emit(known) is MailState.SKIPPED


async def test_whoever_asks_why_is_told_of_a_suppression_in_the_types_lane():
    known: Any = Known()
    offers = Category(key="offers", names={"en": "Offers"})
    known.catalog.replace(
        Catalog(
            default_locale="en",
            categories={"offers": offers},
            types={"OFFER": OFFER},
            templates={},
            version="1",
        )
    )
    known.suppressed = {ADDRESS: suppressed("lane:bulk").entries}
    scribe: Any = None
    previewer = TypePreviewer(
        catalog=known.catalog, scribe=scribe, judge=known.judge(), presses={}, clock=lambda: NOW
    )

    [email] = [each for each in await previewer.explain("ann", "OFFER") if each.channel == "email"]

    assert isinstance(email.verdict, Skip)
    assert email.verdict.rule == "suppression"
