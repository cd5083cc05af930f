"""A type that says what it says in several ways: who gets which, what is found, and what everybody gets then."""

from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.experiments.lots import Aside, Split
from gateway.notify.clicks import judging
from gateway.protocol.answers.type_previews import TypePreviewAnswer
from gateway.protocol.answers.types import TypeDetailAnswer
from gateway.protocol.experiments import FoundExperimentAnswer
from tests.journeys.test_clicks import AGREED, LINKS, follow, judged, links_in
from tests.journeys.test_mailing import mail_in, spooled
from tests.journeys.test_stats import count, look
from tests.support.gateway import Gateway, gateway, token
from tests.support.node import NodeProcess

CATALOG = """
default_locale = "en"

[categories.orders]
name = { en = "Orders" }

[types.SHIPPED]
category = "orders"
schema = { type = "object", required = ["order"], properties = { order = { type = "integer" } } }
texts.en = { title = "Order {{ data.order }} is on its way", link = "/orders/{{ data.order }}" }
texts.de = { title = "Bestellung {{ data.order }} ist unterwegs" }

[[types.SHIPPED.variants]]
name = "plain"

[[types.SHIPPED.variants]]
name = "glad"
texts.en = { title = "Good news of order {{ data.order }}" }

[types.SHIPPED.experiment]
metric = "read"
baseline = 0.2
effect = 0.1
salt = "s1"
holdout = 20
share = 80

[types.REVIEW]
category = "orders"
channels = { in_app = false, email = { clicks = true } }
texts.en = { title = "How is it?" }
variants = [{ name = "plain" }, { name = "named", weight = 3, texts = { en = { subject = "And?", link = "/review" } } }]
experiment = { baseline = 0.2, effect = 0.1 }

[types.BASKET]
category = "orders"
texts.en = { title = "Still in your basket" }
variants = [{ name = "plain" }, { name = "glad", texts = { en = { title = "It waits for you" } } }]
experiment = { metric = "conversion", baseline = 0.2, effect = 0.1 }

[types.NUDGE]
category = "orders"
channels = { in_app = true, email = { after = "10m" } }
texts.en = { title = "Do not forget" }
variants = [{ name = "soon" }, { name = "late", after = "2h" }]
experiment = { baseline = 0.2, effect = 0.1 }

[types.PLAIN]
category = "orders"
texts.en = { title = "Plain" }
"""
DESIGN = '<html><body><a href="https://shop.example/review">Say so</a><a href="{{ unsubscribe_url }}">No more</a></body></html>'
SPLIT = Split(salt="s1", weights=(1, 1), holdout=20, share=80)
PEOPLE = [f"u{n}" for n in range(30)]
PLACES = {user: SPLIT.place(user) for user in PEOPLE}
TITLES: dict[Any, str] = {
    0: "Order 7 is on its way", 1: "Good news of order 7", Aside.WAITS: "Order 7 is on its way"
}  # fmt: skip


async def ship(here: Gateway, *rooms: str, type_: str = "SHIPPED", **data: Any) -> Any:
    """Tell these rooms in the words of the type; answers the first notification."""
    asked = {"to": list(rooms), "type": type_, "data": data}
    answered = await here.ask("POST", "/internal/emit", body=asked)
    assert answered.status == 202, answered
    return answered.body["notifications"][0]


def someone(place: int | Aside) -> str:
    return next(user for user in PEOPLE if PLACES[user] is place or PLACES[user] == place)


@pytest.fixture
async def here(store: dict[str, str], tmp_path: Path) -> AsyncIterator[Gateway]:
    folder = tmp_path / "catalog"
    folder.mkdir()
    (folder / "catalog.toml").write_text(CATALOG)
    (folder / "REVIEW.html").write_text(DESIGN)
    async with gateway(tmp_path, CATALOG=str(folder), **LINKS, **store) as started:
        yield started


async def told(here: Gateway, type_: str = "SHIPPED") -> Any:
    """The experiment of the type, once what has happened is stored."""
    assert here.node is not None
    await here.node.keeping.trial_marks.flush()
    answered = (await here.ask("GET", f"/internal/types/{type_}")).body
    assert TypeDetailAnswer().validate(answered) == {}
    return answered["experiment"]


def counts(experiment: Any) -> list[tuple[int, int, int]]:
    return [(each["assigned"], each["reached"], each["converted"]) for each in experiment["variants"]]


async def titles(here: Gateway, users: list[str]) -> dict[str, str]:
    """What each of them is shown of the newest."""
    found = {}
    for user in users:
        page = await here.ask("GET", f"/internal/users/{user}/data")
        found[user] = page.body["notifications"][0]["title"]
    return found


async def test_each_reader_gets_what_falls_to_them_and_reads_are_counted_by_person(
    here: Gateway, node: NodeProcess
):
    drawn = Counter(PLACES.values())
    await ship(here, *(f"user:{user}" for user in PEOPLE), order=7)
    shown = {user: place for user, place in PLACES.items() if place is not Aside.HELD_OUT}
    assert await titles(here, list(shown)) == {user: TITLES[place] for user, place in shown.items()}

    held_out = someone(Aside.HELD_OUT)
    explained = (await here.ask("GET", f"/internal/users/{held_out}/explain?type=SHIPPED")).body
    in_app = explained["channels"][0]
    assert (in_app["verdict"], in_app["rule"]) == ("skip", "holdout")
    glad, plain = someone(1), someone(0)
    explained = (await here.ask("GET", f"/internal/users/{glad}/explain?type=SHIPPED")).body
    facts = {gate["rule"]: gate["facts"] for gate in explained["channels"][0]["gates"]}["holdout"]
    assert (facts["variant"], facts["counted"], facts["held_out"]) == ("glad", True, False)
    experiment = await told(here)
    assert counts(experiment) == [(drawn[0], drawn[0], 0), (drawn[1], drawn[1], 0)]
    assert (experiment["verdict"], experiment["rule"], experiment["chosen"]) == ("open", "sequential", None)

    # The same people again, in words of the emit's own, and a room of many: nobody more is on trial.
    await here.emit(f"user:{glad}", "Mine", type="SHIPPED", data={"order": 8})
    await ship(here, "all", f"user:{glad}", order=7)
    for user in (glad, plain):
        tab = await node.open(here.public, auth={"token": token(user)})
        await tab.event("ready")
        await tab.call("read", {"all": True} if user == glad else {"ids": [await _newest(here, user)]})
    experiment = await told(here)

    assert counts(experiment) == [(drawn[0], drawn[0], 1), (drawn[1], drawn[1], 1)]
    await count(here)
    figures = await look(here, "by=variant&type=SHIPPED&channel=in_app")
    found = {row["variant"]: row["counts"] for row in figures["rows"]}
    assert {variant: each.get("emitted") for variant, each in found.items()} == {
        "plain": drawn[0], "glad": drawn[1] + 1, "": drawn[Aside.WAITS] + 1
    }  # fmt: skip
    assert {variant: each.get("read") for variant, each in found.items()} == {"plain": 1, "glad": 2, "": 1}
    assert found["glad"]["delivered"] == 2
    only = await look(here, "by=type&variant=glad")
    assert [(row["type"], row["counts"]["read"]) for row in only["rows"]] == [("SHIPPED", 2)]
    assert experiment["comparisons"][0]["low"] < 0 < experiment["comparisons"][0]["high"]


async def _newest(here: Gateway, user: str) -> str:
    data = (await here.ask("GET", f"/internal/users/{user}/data")).body
    return str(next(each["id"] for each in data["notifications"] if each["type"] == "SHIPPED"))


async def test_whoever_comes_back_after_an_erasure_takes_part_anew(here: Gateway, node: NodeProcess):
    """The store knows nothing of the part they had, so nothing may count on its being written down."""
    user = someone(1)
    await ship(here, f"user:{user}", order=7)
    await here.ask("DELETE", f"/internal/users/{user}/data")

    await ship(here, f"user:{user}", order=8)
    tab = await node.open(here.public, auth={"token": token(user)})
    await tab.event("ready")
    await tab.call("read", {"all": True})

    assert counts(await told(here)) == [(0, 0, 0), (2, 2, 1)]
    held = (await here.ask("GET", f"/internal/users/{user}/data")).body
    assert [each["variant"] for each in held["trials"]] == ["glad"]


async def test_mail_waits_as_long_as_the_variant_says_that_falls_to_its_reader(here: Gateway):
    split = Split(salt="NUDGE", weights=(1, 1))
    users = [next(user for user in PEOPLE if split.place(user) == place) for place in (0, 1)]
    for user in users:
        await here.ask("PUT", f"/internal/users/{user}", body={"email": f"{user}@example.org"})

    async def waits(**fields: Any) -> list[float]:
        """How many seconds the mail of each waits."""
        asked = {"to": [f"user:{user}" for user in users], "type": "NUDGE", **fields}
        found = []
        for each in (await here.ask("POST", "/internal/emit", body=asked)).body["notifications"]:
            record = (await here.ask("GET", f"/internal/notifications/{each['id']}")).body
            due_at, told_at = (
                datetime.fromisoformat(at) for at in (record["mail"]["due_at"], record["created_at"])
            )
            found.append((due_at - told_at).total_seconds())
        return found

    # Whoever says when, tries nothing.
    assert await waits(email={"after": 60}) == [60, 60]
    assert counts(await told(here, "NUDGE")) == [(0, 0, 0), (0, 0, 0)]
    assert await waits() == [600, 7200]
    experiment = await told(here, "NUDGE")
    assert (experiment["rule"], counts(experiment)) == ("fixed", [(1, 1, 0), (1, 1, 0)])
    await here.ask("PATCH", "/internal/types/NUDGE", body={"variant": "late"})
    assert await waits() == [7200, 7200]


async def test_a_variant_that_is_chosen_is_everybodys_until_it_is_taken_back(here: Gateway):
    for wrong, type_ in (("none", "SHIPPED"), ("glad", "PLAIN")):
        refused = await here.ask("PATCH", f"/internal/types/{type_}", body={"variant": wrong})
        assert (refused.status, list(refused.body["errors"])) == (422, ["variant"])
    preview = "/internal/types/SHIPPED/preview"
    asked = (
        await here.ask("POST", preview, body={"data": {"order": 7}, "variant": "glad", "user": someone(0)})
    ).body
    assert TypePreviewAnswer().validate(asked) == {}
    assert (asked["variant"], asked["item"]["title"]) == ("glad", TITLES[1])
    own = (await here.ask("POST", preview, body={"data": {"order": 7}, "user": someone(1)})).body
    nobodys = (await here.ask("POST", preview, body={"data": {"order": 7}})).body
    assert (own["variant"], nobodys["variant"]) == ("glad", None)
    assert (await here.ask("POST", preview, body={"variant": "none"})).status == 422

    chosen = (await here.ask("PATCH", "/internal/types/SHIPPED", body={"variant": "glad"})).body

    assert chosen["experiment"]["chosen"] == "glad"
    assert chosen["changes"][0]["change"]["experiment"]["variant"] == "glad"
    people = [someone(place) for place in (0, 1, Aside.WAITS, Aside.HELD_OUT)]
    shared = await ship(here, "all", *(f"user:{user}" for user in people), order=7)
    assert set((await titles(here, people)).values()) == {TITLES[1]}
    assert here.node is not None
    for_all = await here.node.store.streams.notification(shared["id"])
    assert for_all is not None
    assert for_all.title == TITLES[1]
    assert counts(await told(here)) == [(0, 0, 0), (0, 0, 0)]

    taken = (await here.ask("PATCH", "/internal/types/SHIPPED", body={"variant": None})).body

    assert taken["experiment"]["chosen"] is None
    await ship(here, f"user:{someone(0)}", order=7)
    assert await titles(here, [someone(0)]) == {someone(0): TITLES[0]}


async def test_a_person_who_follows_a_mails_link_counts_and_a_program_does_not(
    here: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(judging, "EARLY_TIME", timedelta(0))
    split = Split(salt="REVIEW", weights=(1, 3))
    users = {place: next(user for user in PEOPLE if split.place(user) == place) for place in (0, 1)}
    for user in users.values():
        await here.ask("PATCH", f"/internal/users/{user}/preferences", body=AGREED)
        await here.ask("PATCH", f"/internal/users/{user}", body={"email": f"{user}@gmail.com"})
        sent = await ship(here, f"user:{user}", type_="REVIEW")
        await mail_in(here, sent["id"], "sent")
    mails = {mail["To"].partition("@")[0]: mail for mail in spooled(tmp_path)}
    assert [mails[users[place]]["Subject"] for place in (0, 1)] == ["How is it?", "And?"]
    assert counts(await told(here, "REVIEW")) == [(1, 1, 0), (1, 1, 0)]

    await follow(here, links_in(mails[users[1]])[0])
    await follow(here, links_in(mails[users[0]])[0], headers={"User-Agent": "python-requests/2"})
    await judged(here)

    assert counts(await told(here, "REVIEW")) == [(1, 1, 0), (1, 1, 1)]


async def test_an_experiment_whose_time_is_over_is_settled_once_and_by_itself(
    here: Gateway, monkeypatch: pytest.MonkeyPatch
):
    assert here.node is not None
    await ship(here, f"user:{someone(1)}", order=7)
    trials, clock = here.node.keeping.trials, here.node.clock
    assert await trials.settle("SHIPPED") is None
    monkeypatch.setattr(trials, "_clock", lambda: clock() + timedelta(days=15))

    assert [await trials.settle("SHIPPED") for _ in range(2)] == ["plain", None]

    experiment = await told(here)
    assert (experiment["chosen"], experiment["verdict"]) == ("plain", "no_winner")
    # The node looks by itself too, at the same moment or not.
    changes = (await here.ask("GET", "/internal/types/SHIPPED")).body["changes"]
    assert {change["by"] for change in changes} == {"experiment"}


async def test_while_no_type_has_an_experiment_nothing_of_them_is_asked(here: Gateway):
    assert here.node is not None
    node = here.node
    assert node.telling.emitter.planner is node.telling.trial_planner
    assert node.keeping.trial_marks.marked in node.inboxes.reading.listeners

    node.catalog.replace(None)

    assert node.telling.emitter.planner is node.telling.planner
    assert node.keeping.trial_marks.marked not in node.inboxes.reading.listeners
    assert node.keeping.trial_marks.clicked not in node.inboxes.clicks.news.listeners


async def test_a_backend_says_who_has_done_what_is_hoped_for_and_of_nobody_else_it_counts(
    here: Gateway, node: NodeProcess
):
    split = Split(salt="BASKET", weights=(1, 1))
    glad, plain = ([user for user in PEOPLE if split.place(user) == place] for place in (1, 0))
    await ship(here, *(f"user:{user}" for user in PEOPLE[:20]), type_="BASKET")
    tab = await node.open(here.public, auth={"token": token(glad[0])})
    await tab.event("ready")
    await tab.call("read", {"all": True})
    reached = set(PEOPLE[:20])
    asked = "/internal/experiments/BASKET"

    for _ in range(2):
        answered = await here.ask("POST", f"{asked}/conversions", body={"users": [*PEOPLE, "nobody"]})
        assert (answered.status, answered.body) == (200, {"taken": len(PEOPLE) + 1})

    told_ = (await here.ask("GET", asked)).body
    assert FoundExperimentAnswer().validate(told_) == {}
    assert (told_["type"], told_["campaign"], told_["metric"], told_["verdict"]) == (
        "BASKET", None, "conversion", "open"
    )  # fmt: skip
    assert [(each["name"], each["reached"], each["converted"]) for each in told_["variants"]] == [
        (name, len(reached & set(arm)), len(reached & set(arm)))
        for name, arm in (("plain", plain), ("glad", glad))
    ]
    assert (await here.ask("GET", f"/internal/experiments/{told_['id']}")).body == told_
    for path, body, status in (
        ("SHIPPED", {"users": ["ann"]}, 422), ("PLAIN", {"users": ["ann"]}, 404), ("BASKET", {"users": []}, 422),
    ):  # fmt: skip
        answered = await here.ask("POST", f"/internal/experiments/{path}/conversions", body=body)
        assert answered.status == status, answered
    assert (await here.ask("GET", "/internal/experiments/PLAIN")).status == 404

    await here.ask("PATCH", "/internal/types/BASKET", body={"variant": "glad"})
    await ship(here, f"user:{PEOPLE[25]}", type_="BASKET")
    assert (await here.ask("POST", f"{asked}/conversions", body={"users": PEOPLE})).status == 200
    settled = (await here.ask("GET", asked)).body
    assert (settled["chosen"], settled["variants"]) == ("glad", told_["variants"])
