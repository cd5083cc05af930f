"""A newsletter in its own words and in several ways: who gets which, what is found, and what the others get then."""

from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.catalog.loading import load as catalog_of
from gateway.experiments.lots import Aside, Split
from gateway.notify.campaigns import trial
from gateway.notify.campaigns.speech import REDESIGNED
from gateway.notify.clicks import judging
from gateway.protocol.answers.type_previews import TypePreviewAnswer
from gateway.protocol.experiments import FoundExperimentAnswer
from tests.journeys.news import catalog as news_catalog
from tests.journeys.news import ended, fill, make, sums, told
from tests.journeys.test_clicks import AGREED, LINKS, catalog, follow, judged, links_in
from tests.journeys.test_mailing import spooled, until
from tests.journeys.test_stats import count, look
from tests.support.gateway import Gateway, gateway

SPLIT = Split(salt="autumn", weights=(1, 1), holdout=10, share=50)
EXPERIMENT = {"baseline": 0.1, "effect": 0.05, "salt": "autumn", "holdout": 10, "share": 50}
VARIANTS = [
    {"name": "plain"},
    {"name": "named", "texts": {"en": {"subject": "For {{ data.issue }} evenings"}}},
]
PEOPLE = [f"u{n}" for n in range(40)]
SUBJECTS = {0: "Issue 7", 1: "For 7 evenings"}


@pytest.fixture
async def here(store: dict[str, str], tmp_path: Path) -> AsyncIterator[Gateway]:
    async with gateway(tmp_path, extend=catalog(tmp_path / "catalog"), **LINKS, **store) as started:
        yield started


async def is_waiting(here: Gateway, id_: str, count: int) -> None:
    """Until the experiment is sent, and only those are left who wait for what it finds."""

    async def wait() -> bool:
        sums_ = (await told(here, "GET", f"/{id_}"))["accounting"]
        return bool(sums_["pending"] == count and not sums_["owed"])

    await until(wait)


async def test_each_gets_what_falls_to_the_user_by_lot_and_who_waits_what_is_chosen(
    here: Gateway, tmp_path: Path
):
    placed = {user: SPLIT.place(user) for user in PEOPLE}
    counts = Counter(placed.values())
    id_ = await make(here, variants=VARIANTS, experiment=EXPERIMENT)
    await fill(here, id_, [{"user": user, "address": f"{user}@example.org"} for user in PEOPLE])
    dry = await told(here, "POST", f"/{id_}/dry_run")
    assert (dry["send"], dry["later"], dry["skipped"]) == (
        counts[0] + counts[1], {"experiment": counts[Aside.WAITS]}, {"holdout": counts[Aside.HELD_OUT]}
    )  # fmt: skip
    assert (
        await here.ask("POST", f"/internal/campaigns/{id_}/choose", body={"variant": "named"})
    ).status == 409
    await told(here, "POST", f"/{id_}/start")
    await is_waiting(here, id_, counts[Aside.WAITS])
    for refused in ("no-such", None):
        body = {} if refused is None else {"variant": refused}
        assert (await here.ask("POST", f"/internal/campaigns/{id_}/choose", body=body)).status == 422

    results = (await told(here, "POST", f"/{id_}/choose", {"variant": "named"}))["results"]

    assert (results["chosen"], results["verdict"], results["rule"]) == ("named", "open", "sequential")
    accounting = await ended(here, id_)
    assert sums(accounting) == {
        "sent": len(PEOPLE) - counts[Aside.HELD_OUT], "skipped": counts[Aside.HELD_OUT]
    }  # fmt: skip
    wanted = SUBJECTS | {Aside.WAITS: SUBJECTS[1]}
    assert {mail["To"].partition("@")[0]: mail["Subject"] for mail in spooled(tmp_path)} == {
        user: wanted[place] for user, place in placed.items() if place is not Aside.HELD_OUT
    }
    results = (await told(here, "GET", f"/{id_}"))["results"]
    experiment = (await here.ask("GET", f"/internal/experiments/{id_}")).body
    assert FoundExperimentAnswer().validate(experiment) == {}
    assert (experiment["campaign"], experiment["type"], experiment["metric"], experiment["chosen"]) == (
        id_, "NEWS", "click", "named"
    )  # fmt: skip
    assert [each["reached"] for each in experiment["variants"]] == [
        each["sent"] for each in results["variants"]
    ]
    # Who has waited was drawn for nothing, and is not counted.
    assert [(each["assigned"], each["sent"], each["converted"]) for each in results["variants"]] == [
        (counts[place], counts[place], 0) for place in (0, 1)
    ]
    again = await here.ask("POST", f"/internal/campaigns/{id_}/choose", body={"variant": "plain"})
    assert (again.status, again.body["code"]) == (409, "campaign_state")


async def test_clicks_of_people_are_counted_for_the_variant_and_a_programs_are_not(
    here: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(judging, "EARLY_TIME", timedelta(0))
    users = {
        place: next(u for u in PEOPLE if Split(salt="s", weights=(1, 1)).place(u) == place)
        for place in (0, 1)
    }
    for user in users.values():
        await here.ask("PATCH", f"/internal/users/{user}/preferences", body=AGREED)
    id_ = await make(here, variants=VARIANTS, experiment={"baseline": 0.1, "effect": 0.05, "salt": "s"})
    await fill(here, id_, [{"user": user, "address": f"{user}@gmail.com"} for user in users.values()])
    await told(here, "POST", f"/{id_}/start")
    await ended(here, id_)

    by_subject = {mail["Subject"]: mail for mail in spooled(tmp_path)}
    await follow(here, links_in(by_subject[SUBJECTS[1]])[0])
    await follow(here, links_in(by_subject[SUBJECTS[0]])[0], headers={"User-Agent": "python-requests/2"})
    await judged(here)

    results = (await told(here, "GET", f"/{id_}"))["results"]
    assert [(each["name"], each["converted"], each["rate"]) for each in results["variants"]] == [
        ("plain", 0, 0.0), ("named", 1, 1.0)
    ]  # fmt: skip
    [beside] = results["comparisons"]
    assert (beside["variant"], beside["difference"]) == ("named", 1.0)
    assert beside["low"] < beside["difference"] <= beside["high"]
    await count(here)
    figures = (await look(here, f"by=variant&campaign={id_}"))["rows"]
    assert {row["variant"]: row["counts"] for row in figures} == {
        "plain": {"accepted": 1, "sent": 1}, "named": {"accepted": 1, "sent": 1, "clicked": 1}
    }  # fmt: skip
    rows = (await told(here, "GET", f"/{id_}/recipients"))["recipients"]
    assert {row["user"]: (row["variant"], row["clicked_at"] is not None) for row in rows} == {
        users[0]: ("plain", False), users[1]: ("named", True)
    }  # fmt: skip
    accounting = (await told(here, "GET", f"/{id_}"))["accounting"]
    assert (accounting["sent"], accounting["clicked"], sums(accounting)) == (2, 1, {"sent": 2})
    [clicked] = (await told(here, "GET", f"/{id_}/recipients?state=clicked"))["recipients"]
    assert clicked["user"] == users[1]
    for heard in ("bounced", "complained"):
        assert (await told(here, "GET", f"/{id_}/recipients?state={heard}"))["recipients"] == []
    assert (await here.ask("GET", f"/internal/campaigns/{id_}/recipients?state=opened")).status == 422


async def test_a_backend_says_who_has_done_what_a_campaign_is_to_bring_about(
    store: dict[str, str], tmp_path: Path
):
    # A type without clicks in its email.
    async with gateway(tmp_path, CATALOG=news_catalog(tmp_path), **store) as here:
        await converted(here)


async def converted(here: Gateway) -> None:
    split = Split(salt="autumn", weights=(1, 1), share=50)
    arms = [[user for user in PEOPLE if split.place(user) == place] for place in (0, 1)]
    id_ = await make(here, variants=VARIANTS, experiment=EXPERIMENT | {"metric": "conversion", "holdout": 0})
    await fill(here, id_, [{"user": user, "address": f"{user}@example.org"} for user in PEOPLE])
    asked = f"/internal/experiments/{id_}/conversions"
    early = await here.ask("POST", asked, body={"users": PEOPLE})
    assert (early.status, early.body) == (200, {"taken": len(PEOPLE)})
    await told(here, "POST", f"/{id_}/start")
    await is_waiting(here, id_, len(PEOPLE) - len(arms[0]) - len(arms[1]))

    bought = [*arms[1], arms[0][0], *(user for user in PEOPLE if user not in [*arms[0], *arms[1]]), "nobody"]
    for _ in range(2):
        assert (await here.ask("POST", asked, body={"users": bought})).status == 200

    found = await told(here, "GET", f"/{id_}")
    assert found["experiment"]["metric"] == "conversion"
    assert [(each["name"], each["sent"], each["converted"]) for each in found["results"]["variants"]] == [
        ("plain", len(arms[0]), 1), ("named", len(arms[1]), len(arms[1]))
    ]  # fmt: skip
    assert found["results"]["comparisons"][0]["difference"] == pytest.approx(1 - 1 / len(arms[0]))
    experiment = (await here.ask("GET", f"/internal/experiments/{id_}")).body
    assert FoundExperimentAnswer().validate(experiment) == {}
    assert (experiment["metric"], [each["converted"] for each in experiment["variants"]]) == (
        "conversion", [1, len(arms[1])]
    )  # fmt: skip
    rows = (await told(here, "GET", f"/{id_}/recipients"))["recipients"]
    assert {row["user"] for row in rows if row["converted_at"]} == {*arms[1], arms[0][0]}
    by_clicks = await make(
        here, type="TRIED", data={}, variants=[{"name": "a"}, {"name": "b"}], experiment=EXPERIMENT
    )
    for campaign, status in ((by_clicks, 422), (await make(here), 404), ("no-such", 404)):
        path = f"/internal/experiments/{campaign}/conversions"
        assert (await here.ask("POST", path, body={"users": ["ann"]})).status == status


async def test_when_its_time_is_over_without_a_winner_those_who_wait_get_the_control(
    here: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("gateway.notify.campaigns.steps.SHORTEST", timedelta(0))

    def at_once(campaign: Any, plan: Any) -> datetime | None:
        return campaign.started_at  # type: ignore[no-any-return]

    monkeypatch.setattr(trial, "over_at", at_once)
    id_ = await make(here, variants=VARIANTS, experiment=EXPERIMENT | {"holdout": 0})
    await fill(here, id_, [{"user": user, "address": f"{user}@example.org"} for user in PEOPLE])
    await told(here, "POST", f"/{id_}/start")

    assert sums(await ended(here, id_)) == {"sent": len(PEOPLE)}

    results = (await told(here, "GET", f"/{id_}"))["results"]
    assert (results["verdict"], results["winner"], results["chosen"]) == ("no_winner", None, "plain")
    on_trial = Split(salt="autumn", weights=(1, 1), share=50)
    assert Counter(mail["Subject"] for mail in spooled(tmp_path))[SUBJECTS[1]] == sum(
        on_trial.place(user) == 1 for user in PEOPLE
    )


async def test_a_campaign_says_its_own_words_as_it_was_started_whatever_the_catalog_says_since(
    here: Gateway, tmp_path: Path
):
    folder, experiment = tmp_path / "catalog", EXPERIMENT | {"holdout": 0}
    own = {"en": {"subject": "Own {{ data.issue }}"}, "de": {"title": "Eigenes {{ data.issue }}"}}
    id_ = await make(here, texts=own, variants=[{"name": "a"}, {"name": "b"}], experiment=experiment)
    split = Split(salt="autumn", weights=(1, 1), share=50)
    people = sorted(PEOPLE, key=lambda user: split.place(user) is Aside.WAITS)
    people = [*people[:2], *people[-2:]]
    await fill(
        here, id_,
        [{"user": user, "address": f"{user}@example.org", "locale": ("en", "de")[n % 2]} for n, user in enumerate(people)],
    )  # fmt: skip
    await told(here, "POST", f"/{id_}/start")
    await is_waiting(here, id_, 2)
    text = (folder / "catalog.toml").read_text()
    (folder / "catalog.toml").write_text(
        text.replace("Issue {{", "Changed {{").replace('"/news/', '"/changed/')
    )
    # What it looks like is read as a mail leaves: who sends it has to see that first.
    (folder / "NEWS.html").write_text((folder / "NEWS.html").read_text().replace("Read on", "Go on"))
    assert here.node is not None
    here.node.catalog.replace(catalog_of(folder))
    await told(here, "POST", f"/{id_}/choose", {"variant": "a"})

    async def is_paused() -> bool:
        found = await told(here, "GET", f"/{id_}")
        return (found["state"], found["reason"]) == ("paused", REDESIGNED)

    await until(is_paused)
    await told(here, "POST", f"/{id_}/resume")

    assert sums(await ended(here, id_)) == {"sent": 4}
    mails = spooled(tmp_path)
    assert Counter(mail["Subject"] for mail in mails) == {"Own 7": 2, "Eigenes 7": 2}
    assert all("/news/7" in str(mail) and "/changed/7" not in str(mail) for mail in mails)
    assert Counter("Go on" in str(mail) for mail in mails) == {False: 2, True: 2}


async def test_a_campaign_is_seen_in_its_own_words_before_it_is_made(here: Gateway):
    path, own = "/internal/types/NEWS/preview", {"en": {"title": "Own {{ data.issue }}", "subject": "Ours"}}
    asked = {"data": {"issue": 7}, "campaign": {"texts": own, "variants": VARIANTS}}

    bare, first, named = [
        (await here.ask("POST", path, body=body)).body
        for body in (asked | {"campaign": {}}, asked, asked | {"variant": "named", "locale": "en"})
    ]
    wrong = await here.ask("POST", path, body={"campaign": {"variants": [{"name": "No"}]}})
    unsound = await here.ask("POST", path, body={"campaign": {"texts": {"en": {"title": "{{ data.none }}"}}}})

    assert TypePreviewAnswer().validate(named) == {}
    assert [(each["variant"], each["item"]["title"], each["mail"]["subject"]) for each in (bare, first, named)] == [
        (None, "Issue 7", "Issue 7"), ("plain", "Own 7", "Ours"), ("named", "Own 7", "For 7 evenings")
    ]  # fmt: skip
    assert (wrong.status, list(wrong.body["errors"])) == (422, ["campaign.variants.0.name"])
    assert (unsound.status, list(unsound.body["errors"])) == (422, ["campaign.texts.en.title"])


async def test_a_campaign_with_a_rate_of_its_own_sends_so_many_and_rests(here: Gateway):
    id_ = await make(here, rate=1)
    await fill(here, id_, [{"user": f"u{n}", "address": f"u{n}@example.org"} for n in range(3)])

    await told(here, "POST", f"/{id_}/start")

    assert here.node is not None
    campaigns, clock = here.node.store.campaigns, here.node.clock

    async def is_resting() -> bool:
        wake_at = await campaigns.next_wake()
        rests = wake_at is not None and wake_at > clock() + timedelta(seconds=15)
        return rests and (await told(here, "GET", f"/{id_}"))["accounting"]["sent"] == 1

    await until(is_resting)
    assert (await told(here, "GET", f"/{id_}"))["rate"] == 1
    assert (await told(here, "POST", f"/{id_}/cancel"))["cancelled"] == 2


async def has_mails(folder: Path, count: int) -> bool:
    return len(spooled(folder)) >= count


async def test_a_test_mail_is_of_the_variant_that_is_asked_for(here: Gateway, tmp_path: Path):
    id_ = await make(here, variants=VARIANTS, experiment=EXPERIMENT)

    await told(here, "POST", f"/{id_}/test", {"to": ["me@example.org"], "variant": "named"}, status=202)
    await told(here, "POST", f"/{id_}/test", {"to": ["you@example.org"]}, status=202)
    refused = await here.ask(
        "POST", f"/internal/campaigns/{id_}/test", body={"to": ["me@example.org"], "variant": "x"}
    )

    assert (refused.status, list(refused.body["errors"])) == (422, ["variant"])
    await until(lambda: has_mails(tmp_path, 2))
    assert {mail["To"]: mail["Subject"] for mail in spooled(tmp_path)} == {
        "me@example.org": SUBJECTS[1], "you@example.org": SUBJECTS[0]
    }  # fmt: skip


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"variants": VARIANTS[:1], "experiment": EXPERIMENT}, "variants"),
    ({"variants": [VARIANTS[0]] * 2, "experiment": EXPERIMENT}, "variants"),
    ({"variants": [{"name": f"v{n}"} for n in range(9)], "experiment": EXPERIMENT}, "variants"),
    ({"variants": VARIANTS}, "experiment"),
    ({"experiment": EXPERIMENT}, "experiment"),
    ({"variants": VARIANTS, "experiment": EXPERIMENT | {"effect": 0.95}}, "experiment"),
    ({"variants": VARIANTS, "experiment": EXPERIMENT | {"effect": 0.0001}}, "experiment"),
    ({"variants": VARIANTS, "experiment": EXPERIMENT | {"baseline": 1e-17}}, "experiment.baseline"),
    ({"variants": VARIANTS, "experiment": EXPERIMENT | {"effect": 1e-300}}, "experiment.effect"),
    ({"variants": VARIANTS, "experiment": EXPERIMENT | {"hours": 3}}, "experiment"),
    ({"variants": [{"name": "A b"}, {"name": "c"}], "experiment": EXPERIMENT}, "variants"),
    ({"texts": {"en": {"title": "{{ data.unknown }}"}}}, "texts.en.title"),
    ({"texts": {"en": {"title": "{% for a in b %}{% endfor %}"}}}, "texts.en.title"),
    ({"texts": {"en": {"body": " "}}}, "texts.en.body"),
    ({"texts": {"en": {"link": "//evil.example"}}}, "texts.en.link"),
    ({"texts": {"fr": {"body": "Bonjour"}}}, "texts.fr.title"),
    ({"texts": {"qq": {"title": "?"}}}, "texts.qq"),
    ({"variants": [VARIANTS[0], {"name": "b", "texts": {"en": {"title": "{{"}}}], "experiment": EXPERIMENT}, "variants.1.texts.en.title"),
    ({"rate": 0}, "rate"),
    ({"type": "SALE"}, "type"),
]  # fmt: skip


async def test_what_cannot_be_said_or_tried_is_refused_with_its_reason(tmp_path: Path):
    async with gateway(tmp_path, extend=catalog(tmp_path / "catalog")) as here:
        for fields, wrong in WRONG:
            asked = {"name": "Autumn", "type": "NEWS", "data": {"issue": 7}, "audience": "import"} | fields
            refused = await here.ask("POST", "/internal/campaigns", body=asked)
            assert (refused.status, refused.body["code"]) == (422, "validation_failed"), fields
            assert any(name.startswith(wrong) for name in refused.body["errors"]), refused.body


async def test_ways_to_say_it_are_judged_by_clicks_and_need_them(tmp_path: Path):
    async with gateway(tmp_path, CATALOG=news_catalog(tmp_path)) as here:
        asked = {
            "name": "Autumn", "type": "NEWS", "data": {"issue": 7}, "audience": "import",
            "variants": VARIANTS, "experiment": EXPERIMENT,
        }  # fmt: skip
        refused = await here.ask("POST", "/internal/campaigns", body=asked)

    assert (refused.status, list(refused.body["errors"])) == (422, ["variants"])
