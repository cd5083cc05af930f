"""Commands travel between the nodes of two releases as the same JSON, and what one does not know does no harm."""

import logging
import re
import sys
from pathlib import Path
from subprocess import run

import orjson
import pytest

import gateway
from gateway.cluster import commands
from gateway.cluster.commands import Disconnect, Erase, Erased, Recount, Unknown, UnreadableCommand
from gateway.cluster.gossip import HeadsAppended
from gateway.cluster.lineage import EpochBegan
from gateway.cluster.switchboard import Switchboard
from gateway.observe.feed import FeedAsk, FeedTell
from gateway.observe.overview import OverviewAsk, OverviewTell
from gateway.sockets.commands import Replace

GATEWAY = Path(gateway.__path__[0])
KNOWN_TO_A_NODE = """
import orjson
import gateway.process.node
from gateway.cluster.commands import Command
print(orjson.dumps([each.__struct_config__.tag for each in Command.__subclasses__()]).decode())
"""
WIRE = [
    (Disconnect("42", "fraud"), {"do": "disconnect", "user": "42", "detail": "fraud"}),
    (Disconnect("42"), {"do": "disconnect", "user": "42", "detail": None}),
    (Erase("Zoë"), {"do": "erase", "user": "Zoë"}),
    (Erased("42"), {"do": "erased", "user": "42"}),
    (Replace(("n1/a", "n2/b")), {"do": "replace", "connections": ["n1/a", "n2/b"]}),
    (Recount("all"), {"do": "recount", "room": "all"}),
    (HeadsAppended({"all": 7}), {"do": "appended", "heads": {"all": 7}}),
    (EpochBegan("e2"), {"do": "epoch", "epoch": "e2"}),
    (FeedAsk(), {"do": "feed:ask"}),
    (
        FeedTell("n1", [{"title": "t"}], 3),
        {"do": "feed:tell", "node": "n1", "shown": [{"title": "t"}], "left_out": 3},
    ),
    (OverviewAsk("n1", {"n2": 5}), {"do": "overview:ask", "node": "n1", "after": {"n2": 5}}),
    (
        OverviewTell(to="n1", node="n2", after=5, rows=[{"at": 6}], more=True),
        {"do": "overview:tell", "to": "n1", "node": "n2", "after": 5, "rows": [{"at": 6}], "more": True},
    ),
]


@pytest.mark.parametrize(("command", "said"), WIRE, ids=lambda value: type(value).__name__)
def test_a_command_is_said_and_understood_as_it_ever_was(command, said):
    assert orjson.loads(commands.encode(command)) == said
    assert commands.decode(orjson.dumps(said)) == command
    assert commands.decode(orjson.dumps({**said, "of a later release": [1]})) == command


def test_a_node_knows_the_kinds_of_all_its_parts_before_it_hears_any():
    kinds = {
        tag
        for path in GATEWAY.rglob("*.py")
        for tag in re.findall(r"\(Command, frozen=True, tag=\"(.+)\"\)", path.read_text(encoding="utf-8"))
    }

    # By itself: whatever tests have imported is not there.
    node = run([sys.executable, "-c", KNOWN_TO_A_NODE], capture_output=True, check=True)

    assert kinds
    assert kinds == set(orjson.loads(node.stdout))


@pytest.mark.parametrize(
    "said",
    [
        {"do": "dance"},
        {"do": "disconnect"},
        {"do": "disconnect", "user": 42},
        {"do": "replace", "connections": "n1/a"},
        {"do": "appended", "heads": ["all"]},
        {"do": "overview:ask", "node": 5},
        *(
            {"do": "appended", "heads": {"user:1": 1, "user:2": nonsense}}
            for nonsense in (True, 9.5, "9", None)
        ),
    ],
    ids=str,
)
def test_what_is_not_known_here_is_known_by_its_name_alone(said):
    assert commands.decode(orjson.dumps(said)) == Unknown(said["do"])


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"[]", b"7", b"{}", b'{"do":5}', b'{"do":"erase","user":"\xff"}', b"[" * 50_000],
    ids=lambda text: repr(text[:20]),
)
def test_what_is_no_command_is_refused(text):
    with pytest.raises(UnreadableCommand):
        commands.decode(text)


def test_each_command_goes_to_whom_it_is_for():
    switchboard, recounted, erased = Switchboard(), [], []
    switchboard.connect(Recount, recounted.append)
    switchboard.connect(Erase, erased.append)

    for command in (Recount("all"), Erase("1"), FeedAsk(), Recount("user:1")):
        switchboard.carry_out(command)

    assert (recounted, erased) == ([Recount("all"), Recount("user:1")], [Erase("1")])


def test_unknown_commands_are_told_of_seldom_and_in_short(caplog):
    caplog.set_level(logging.INFO)
    switchboard = Switchboard()

    for _ in range(100):
        switchboard.carry_out(Unknown("x" * 1000))

    (line,) = [record for record in caplog.records if "does not know" in record.message]
    assert line.command == "x" * 40
