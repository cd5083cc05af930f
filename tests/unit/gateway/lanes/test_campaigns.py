"""A campaign is braked by its own mail, and with its lane."""

from datetime import timedelta

from storage.lanes import LaneOutcome
from tests.unit.gateway.lanes.world import BULK, World, count
from tests.unit.gateway.suppressions.listing import NOW


async def test_a_campaign_whose_own_mail_comes_back_is_braked_among_much_good_mail_of_others(
    world: World,
) -> None:
    sender, hearer = await world.process(), await world.process()
    count(sender, sent=1000)
    count(sender, campaign="bad", sent=90, refused=4)
    count(sender, campaign="good", sent=20, bounced=1)
    hearer.scales.count(BULK, LaneOutcome.BOUNCED, sent_at=NOW, campaign="bad")
    await sender.look()
    await hearer.look()
    assert await hearer.brakes("bad", resumed=None) is None

    hearer.scales.count(BULK, LaneOutcome.BOUNCED, sent_at=NOW, campaign="bad")
    await hearer.look()

    reason = "of its own mail: 6 of 94 mails came back: 6.38 %, and 5 % may"
    assert await sender.brakes("bad", resumed=None) == reason
    assert await sender.brakes("good", resumed=None) is None
    assert await sender.brakes("unknown", resumed=None) is None
    assert not sender.is_paused(BULK)


async def test_who_resumes_a_campaign_has_it_judged_by_what_is_sent_from_then_on(world: World) -> None:
    lanes = await world.process()
    count(lanes, sent=5000)
    count(lanes, campaign="one", sent=20, complained=6)
    await lanes.look()
    assert await lanes.brakes("one", resumed=None) is not None
    world.clock.now += timedelta(minutes=5)
    resumed = world.clock.now

    assert await lanes.brakes("one", resumed=resumed) is None
    world.clock.now += timedelta(minutes=5)
    # Of mail from before, heard of since.
    for _ in range(6):
        lanes.scales.count(BULK, LaneOutcome.BOUNCED, sent_at=NOW, campaign="one")
    count(lanes, campaign="one", sent=10)
    await lanes.look()
    assert await lanes.brakes("one", resumed=resumed) is None
    count(lanes, campaign="one", bounced=6)
    await lanes.look()

    assert await lanes.brakes("one", resumed=resumed) is not None


async def test_a_campaign_is_braked_with_its_lane_whatever_its_own_figures(world: World) -> None:
    lanes = await world.process()
    count(lanes, sent=20, bounced=20)
    await lanes.look()

    assert await lanes.brakes("one", resumed=None) == "20 of 20 mails came back: 100 %, and 5 % may"
