"""Whichever node is asked tells what all of them did, and of which nodes that is."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from gateway.cluster.bus.local import LocalBus
from gateway.notify.store import Batches
from gateway.observe.metrics import Metrics
from gateway.observe.overview import STEPS_AT_ONCE, Observatory, OverviewAsk, OverviewTell
from gateway.observe.trends import Trends

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = 3600


class PartyLine:
    """A bus of one process: what one node says, every node hears, unless it is `deaf` to it."""

    carries = True

    def __init__(self) -> None:
        self.nodes: dict[str, Observatory] = {}
        self.said: list[OverviewAsk | OverviewTell] = []
        self.lost: set[int] = set()
        """Which of the answers nobody hears."""

    async def order_all(self, command: OverviewAsk | OverviewTell) -> None:
        self.said.append(command)
        if isinstance(command, OverviewAsk):
            for node in self.nodes.values():
                node.asked(command)
        elif len(self.told) - 1 not in self.lost:
            for node in self.nodes.values():
                node.told(command)

    @property
    def told(self) -> list[OverviewTell]:
        return [command for command in self.said if isinstance(command, OverviewTell)]


class Node:
    """What one node measures, at times that the test says."""

    def __init__(self, line: PartyLine, name: str) -> None:
        self.name = name
        self.at = START
        self.connections = 0
        self.metrics = Metrics()
        self.metrics.watch_gauge("bellhop_connections", "", lambda: self.connections)
        self.emits: Counter[str] = Counter()
        self.metrics.watch_counts("bellhop_emits", "", "outcome", self.emits)
        self.batches = Batches()
        self.batches.measure(self.metrics)
        self.trends = Trends(self.metrics.registry, lambda: self.at)
        self.observatory = Observatory(self.trends, bus=line, node=name)  # type: ignore[arg-type]
        line.nodes[name] = self.observatory
        self.trends.sample()

    def step(self, *, emits: int = 0, connections: int = 0, seconds: float = 10) -> None:
        self.at += timedelta(seconds=seconds)
        self.connections = connections
        if emits:
            self.emits["accepted"] += emits
        self.trends.sample()


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> PartyLine:
    monkeypatch.setattr("gateway.observe.overview.ANSWER_SECONDS", 0.05)
    monkeypatch.setattr("gateway.observe.overview.FRESH_SECONDS", 0)
    return PartyLine()


@pytest.fixture
async def nodes(line: PartyLine) -> AsyncIterator[tuple[Node, Node, Node]]:
    three = Node(line, "a"), Node(line, "b"), Node(line, "c")
    for node in three:
        node.observatory.start()
    yield three
    for node in three:
        await node.observatory.stop()


async def test_the_steps_of_all_nodes_are_added_up(nodes: tuple[Node, Node, Node]):
    for number, node in enumerate(nodes):
        node.step(emits=number, connections=5)
        node.step(emits=10, connections=number)
        node.batches.stored(1, 0.001 * 10**number)
        node.step()

    seen = await nodes[1].observatory.look(HOUR)

    assert seen.nodes == ("a", "b", "c")
    assert [step.connections for step in seen.steps] == [15, 3, 0]
    assert [step.emits.get("accepted", 0) for step in seen.steps] == [3, 30, 0]
    assert [step.at for step in seen.steps] == [START + timedelta(seconds=10 * n) for n in (1, 2, 3)]
    slowest = nodes[2].trends.steps(1)[0].append_p99_seconds
    assert seen.steps[-1].append_p99_seconds == slowest
    assert seen.steps[0].append_p99_seconds is None


async def test_only_as_much_is_told_as_was_asked_for(nodes: tuple[Node, Node, Node]):
    for _ in range(5):
        for node in nodes:
            node.step(emits=1)

    seen = await nodes[0].observatory.look(20)

    assert [step.emits for step in seen.steps] == [{"accepted": 3}] * 2


async def test_a_later_question_brings_only_what_is_new(line: PartyLine, nodes: tuple[Node, Node, Node]):
    for _ in range(STEPS_AT_ONCE + 20):
        for node in nodes:
            node.step(emits=1)
    await nodes[0].observatory.look(HOUR)
    assert sorted(len(command.rows) for command in line.told) == [20, 20, STEPS_AT_ONCE, STEPS_AT_ONCE]
    for node in nodes:
        node.step(emits=2)

    line.said.clear()
    seen = await nodes[0].observatory.look(HOUR)

    assert [len(command.rows) for command in line.told] == [1, 1]
    assert len(seen.steps) == STEPS_AT_ONCE + 21
    assert seen.steps[-1].emits == {"accepted": 6}


async def test_a_node_that_does_not_answer_is_not_among_them_and_what_it_did_is(
    line: PartyLine, nodes: tuple[Node, Node, Node]
):
    one, two, three = nodes
    for node in nodes:
        node.step(emits=1)
    await one.observatory.look(HOUR)

    del line.nodes["c"]
    one.step(emits=1)
    two.step(emits=1)
    seen = await one.observatory.look(HOUR)

    assert seen.nodes == ("a", "b")
    assert [step.emits["accepted"] for step in seen.steps] == [3, 2]

    line.nodes["c"] = three.observatory
    three.step(emits=1)
    await one.observatory.look(HOUR)
    seen = await one.observatory.look(HOUR)
    assert seen.nodes == ("a", "b", "c")
    assert [step.emits["accepted"] for step in seen.steps] == [3, 3]


async def test_a_step_that_not_all_have_told_yet_is_left_for_later(nodes: tuple[Node, Node, Node]):
    """Else every curve would fall at its end, and rise again."""
    for node in nodes:
        node.step(connections=1)
    nodes[0].step(connections=1)

    seen = await nodes[0].observatory.look(HOUR)

    assert [step.connections for step in seen.steps] == [3]


async def test_samples_that_came_late_belong_to_the_moment_they_were_due(nodes: tuple[Node, Node, Node]):
    one, two, _ = nodes
    one.step(emits=1, connections=4, seconds=13)
    one.step(emits=1, connections=5, seconds=0.5)
    one.step(emits=1, connections=6, seconds=6.5)
    for _ in range(2):
        two.step(emits=1, connections=1)

    seen = await one.observatory.look(HOUR)

    assert [step.emits["accepted"] for step in seen.steps] == [3, 2]
    assert [step.connections for step in seen.steps] == [6, 7]


async def test_an_answer_that_is_lost_is_asked_for_again(line: PartyLine, nodes: tuple[Node, Node, Node]):
    for _ in range(STEPS_AT_ONCE + 20):
        for node in nodes:
            node.step(emits=1)
    line.lost = {0, 1, 2}

    await nodes[0].observatory.look(HOUR)
    seen = await nodes[0].observatory.look(HOUR)

    assert [step.emits["accepted"] for step in seen.steps] == [3] * (STEPS_AT_ONCE + 20)


async def test_admins_who_ask_at_once_cause_one_question(
    line: PartyLine, nodes: tuple[Node, Node, Node], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("gateway.observe.overview.FRESH_SECONDS", 60)
    for node in nodes:
        node.step(emits=1)

    seen = await asyncio.gather(*(nodes[0].observatory.look(HOUR) for _ in range(20)))

    assert len(line.told) == 2
    assert {each.nodes for each in seen} == {("a", "b", "c")}


async def test_what_is_no_answer_of_ours_changes_nothing(line: PartyLine, nodes: tuple[Node, Node, Node]):
    for node in nodes:
        node.step(emits=1)

    for rows in ([{}], [7], [{"at": "yesterday"}], ["x"]):
        await line.order_all(OverviewTell(to="a", node="d", after=0, rows=rows, more=False))
    seen = await nodes[0].observatory.look(HOUR)

    assert [step.emits for step in seen.steps] == [{"accepted": 3}]


async def test_a_node_that_is_alone_asks_nobody():
    line = PartyLine()
    alone = Node(line, "a")
    alone.observatory = Observatory(alone.trends, bus=LocalBus(), node="a")
    alone.step(emits=3)

    seen = await alone.observatory.look(HOUR)

    assert (seen.nodes, [step.emits for step in seen.steps]) == (("a",), [{"accepted": 3}])
    assert line.said == []
