"""What the alerts and the dashboard ask for is there to be asked: held against what a real node shows."""

import asyncio
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from gateway.process.bounce_office import BounceOffice
from gateway.process.mail_office import MailOffice
from gateway.process.settings import load
from tests.support.gateway import environment, gateway
from tests.unit.deploy.conftest import ROOT, overlay_with, rendered

COMPONENT = ROOT / "k8s" / "components" / "monitoring"
DASHBOARD = ROOT / "k8s" / "grafana" / "bellhop.json"
PROMISED = Path(__file__).parent / "metrics.txt"
"""Of a node on Redis; what only parts count that are off by default is not in it."""
NAMES = re.compile(r"\b(?:bellhop|process)_[a-z_]+\b")
SELECTED = re.compile(r"\b((?:bellhop|process)_[a-z_]+)\{([^}]*)\}")
OF_KUBERNETES = {"namespace", "pod"}
"""Labels that the scrape adds."""
ENDINGS = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load((COMPONENT / "rules.yaml").read_text())["spec"]["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return found


def expressions() -> Iterator[tuple[str, str]]:
    """Every expression, with who asks it."""
    for rule in rules():
        yield rule["alert"], rule["expr"]
    for panel in panels():
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]


async def scraped(folder: Path, redis_url: str) -> str:
    """What a node on Redis shows after an emit, a mail and a report."""
    # Of one mail already the rates are told.
    settings = {"BUS_URL": redis_url, "BUS_PREFIX": folder.name, "BULK_BRAKE_MAILS": "1"}
    async with gateway(folder, **settings) as here, asyncio.timeout(20):
        assert here.node is not None
        # It counts every half minute or so; the first time is awaited by nobody.
        await here.node.keeping.housekeeper.tidy()
        await here.emit("user:ann", email={"to": "ann@example.org"})
        await here.ask(
            "POST", "/internal/mail/reports", raw=b"Subject: x\r\n\r\n", Content_Type="message/rfc822"
        )
        while True:
            # What was counted is stored and read again.
            await here.node.lanes.page()
            text = (await here.request("GET", here.internal + "/metrics")).body
            # The last to come: the canary's first round, and what became of the mail.
            if (
                "bellhop_bus_canary_seconds " in text
                and 'bellhop_mail_total{lane="transactional",outcome="sent"}' in text
                and 'bellhop_lane_bounce_rate{lane="transactional"}' in text
            ):
                return str(text)
            await asyncio.sleep(0.05)


def labels_of(text: str) -> dict[str, set[str]]:
    """The labels of each series, by its name."""
    found: dict[str, set[str]] = defaultdict(set)
    for family in text_string_to_metric_families(text):
        for ending in ENDINGS.get(family.type, ()):
            found[family.name + ending] |= set()
        for sample in family.samples:
            found[sample.name] |= set(sample.labels)
    return found


def promises(text: str) -> list[str]:
    """A line for each metric of ours: name, labels, kind, words, and of a histogram the bounds."""
    lines: list[str] = []
    for family in text_string_to_metric_families(text):
        if family.name.startswith("bellhop_"):
            labels = {label for sample in family.samples for label in sample.labels} - {"le"}
            bounds = {float(sample.labels["le"]) for sample in family.samples if "le" in sample.labels}
            told = " ".join(map(str, sorted(bounds)))
            lines.append(
                f"{family.name}{{{','.join(sorted(labels))}}} {family.type}: {family.documentation} {told}".rstrip()
            )
    return sorted(lines)


async def test_every_metric_that_is_asked_for_is_shown_by_a_node(tmp_path: Path, redis_url: str):
    """A renamed metric makes an alert silent for ever; here it makes a test fail."""
    shown = labels_of(await scraped(tmp_path, redis_url))

    asked = {(who, name) for who, expression in expressions() for name in NAMES.findall(expression)}
    assert len(asked) > 30
    assert not {(who, name) for who, name in asked if name not in shown}
    for who, expression in expressions():
        for name, selection in SELECTED.findall(expression):
            labels = set(re.findall(r"([a-z]+)\s*=", selection))
            assert labels <= shown[name] | OF_KUBERNETES, (who, name)


async def test_what_sends_or_takes_mail_does_not_keep_the_alert_silent_that_no_node_runs(tmp_path: Path):
    """They are scraped as nodes are, and go on when all nodes have gone."""
    (gone,) = [rule["expr"] for rule in rules() if rule["alert"] == "BellhopGone"]
    settings = load(
        environment(
            tmp_path,
            BOUNCE_DOMAIN="bounces.shop.example",
            BOUNCE_LISTEN="lmtp://127.0.0.1:0",
            LINK_SECRET=32 * "x",
        )
    )
    for office in (MailOffice(settings), BounceOffice(settings)):
        await office.start()
        shown = labels_of(generate_latest(office.metrics.registry).decode())
        await office.stop()

        assert "bellhop_draining" in shown
        assert not set(NAMES.findall(gone)) & shown.keys()


async def test_names_labels_words_and_bounds_are_those_that_were_promised(tmp_path: Path, redis_url: str):
    """What operators have built upon. Whoever changes one changes the file, and tells them by the changelog."""
    text = await scraped(tmp_path, redis_url)

    assert promises(text) == PROMISED.read_text().splitlines()


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_an_alert_says_how_bad_it_is_and_what_it_means(rule: dict[str, Any]):
    assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert rule["annotations"].keys() == {"summary", "description"}
    # Without `for`, one bad scrape wakes somebody; what looks back over a range needs none.
    assert re.fullmatch(r"\d+m", rule.get("for", "")) or "[1h" in rule["expr"]
    assert re.search(r" (==|>|<) ", rule["expr"]) or rule["expr"].startswith("absent(")


def test_every_alert_is_explained_to_operators():
    text = (ROOT / "docs" / "operating.md").read_text()

    assert [rule["alert"] for rule in rules() if f"`{rule['alert']}`" not in text] == []


@pytest.mark.parametrize("expression", [pytest.param(each, id=who) for who, each in expressions()])
def test_an_expression_is_well_formed(expression: str):
    open_ones: list[str] = []
    for character in re.sub(r'"[^"]*"', "", expression):
        if character in "([{":
            open_ones.append(character)
        elif character in ")]}":
            assert open_ones.pop() + character in ("()", "[]", "{}")
    assert not open_ones
    # A counter is only ever asked for its rate.
    for name in re.findall(r"\b[a-z_]+_total\b", expression):
        assert re.search(rf"rate\({name}", expression)


def test_the_component_adds_the_scrape_and_the_rules_to_an_overlay(tmp_path: Path):
    """It stands apart because a cluster without the Prometheus Operator would refuse the base."""
    manifests = rendered(overlay_with(tmp_path, "monitoring"))

    of_kind = {each["kind"]: each for each in manifests}
    assert of_kind["PrometheusRule"]["metadata"]["namespace"] == "bellhop"
    selector = of_kind["PodMonitor"]["spec"]["selector"]
    (expression,) = selector["matchExpressions"]
    (endpoint,) = of_kind["PodMonitor"]["spec"]["podMetricsEndpoints"]
    for deployment in (each for each in manifests if each["kind"] == "Deployment"):
        template = deployment["spec"]["template"]
        labels = template["metadata"]["labels"]
        assert selector["matchLabels"].items() <= labels.items()
        assert labels[expression["key"]] in expression["values"]
        assert endpoint["port"] in {port["name"] for port in template["spec"]["containers"][0]["ports"]}


def test_the_dashboard_can_be_imported_as_it_is():
    board = json.loads(DASHBOARD.read_text())
    places = [panel["gridPos"] for panel in panels()]

    assert board["uid"] == "bellhop"
    assert {each["name"] for each in board["templating"]["list"]} == {"datasource", "namespace"}
    ids = [panel["id"] for panel in panels()]
    assert len(ids) == len(set(ids))
    cells = [
        (x, y)
        for place in places
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells)), "panels overlap"
    assert max(x for x, _ in cells) < 24
    for panel in panels():
        if panel["type"] != "row":
            assert panel["description"]
            assert panel["datasource"]["uid"] == "${datasource}"
