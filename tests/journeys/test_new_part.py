"""A part that no file of Bellhop knows of: what it takes to have one more."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from gateway.cluster.commands import Command
from gateway.ground.parts import CarryOut, Meters, Part, Whose
from gateway.ground.settings import Group, SettingsError, load, markdown, setting
from gateway.ground.values import whole
from gateway.process.settings import GROUPS
from gateway.protocol.holdings import UserDataAnswer
from storage.errors import StoreUnavailable
from tests.support.gateway import environment, gateway, token
from tests.support.node import NodeProcess


class Greeted(Command, frozen=True, tag="greeted"):
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GreeterSettings(Group):
    at_most: int = setting("GREETINGS_MAX", "3", whole(1), "greetings between two cleanings")


class Greeter(Part):
    """Greets whoever asks, as often as it is allowed to until the next cleaning."""

    def __init__(self, settings: GreeterSettings) -> None:
        self._at_most = settings.at_most
        self.greeted = 0
        self._left = 0
        self._by_user: Counter[str] = Counter()

    def measure(self, meters: Meters) -> None:
        meters.watch_counter("bellhop_greetings", "Greetings given", lambda: self.greeted)

    def public_routes(self) -> Sequence[web.AbstractRouteDef]:
        return [web.get("/greeting", self._answer)]

    def internal_routes(self) -> Sequence[web.AbstractRouteDef]:
        return [web.get("/internal/greetings", self._count)]

    def events(self) -> Mapping[tuple[str, str], Any]:
        return {("/", "greet"): self._greet}

    def commands(self) -> Mapping[type[Any], CarryOut]:
        return {Greeted: self._hear}

    def _hear(self, command: Greeted) -> None:
        self.greeted = command.count

    def unready(self) -> list[str]:
        return [] if self._left else ["greeter: it has no greetings left"]

    async def keep_house(self) -> None:
        self._left = self._at_most

    async def held(self, whose: Whose, limit: int) -> dict[str, Any]:
        del limit
        return {"greetings": self._by_user[whose.user]}

    async def erase(self, whose: Whose) -> None:
        del self._by_user[whose.user]

    def start(self) -> None:
        self._left = self._at_most

    async def stop(self) -> None:
        self._left = 0

    async def _answer(self, request: web.Request) -> web.Response:
        del request
        return web.json_response({"text": self._next()})

    async def _count(self, request: web.Request) -> web.Response:
        del request
        return web.json_response({"greeted": self.greeted})

    async def _greet(self, session: Any, payload: Mapping[str, Any]) -> dict[str, Any]:
        del payload
        self._by_user[session.user] += 1
        return {"text": f"{self._next()}, {session.user}"}

    def _next(self) -> str:
        self._left -= 1
        self.greeted += 1
        return "Hello"


async def test_the_smallest_new_part_needs_no_file_of_bellhop_to_be_changed(
    tmp_path: Path, node: NodeProcess
):
    """It has a setting, a metric, routes at both sites, an event, a command, a chore and a life of its own, and keeps something of users."""
    in_force = load((*GROUPS, GreeterSettings), environment(tmp_path, GREETINGS_MAX="2"), serving=True)
    greeter = Greeter(in_force[GreeterSettings])

    async with gateway(tmp_path, extend=lambda started: started.add(greeter)) as here:
        ann = await node.open(here.public, auth={"token": token("ann")})
        await ann.event("ready")
        greeted = await here.request("GET", here.public + "/greeting")
        assert greeted.body == {"text": "Hello"}
        assert await ann.call("greet", {}) == {"ok": True, "text": "Hello, ann"}
        assert (await here.ask("GET", "/internal/greetings")).body == {"greeted": 2}
        assert "bellhop_greetings_total 2.0" in (await here.ask("GET", "/metrics")).body
        assert (await here.ask("GET", "/readyz")).body["reasons"] == ["greeter: it has no greetings left"]

        assert here.node is not None
        await here.node.keeping.housekeeper.tidy()
        assert (await here.ask("GET", "/readyz")).status == 200
        await here.node.bus.order_all(Greeted(9))
        assert greeter.greeted == 9

        held = (await here.ask("GET", "/internal/users/ann/data")).body
        assert (held["user"], held["greetings"]) == ("ann", 1)
        assert held.keys() == {*UserDataAnswer().fields, "greetings"}
        assert (await here.ask("DELETE", "/internal/users/ann/data")).status == 200
        assert (await here.ask("GET", "/internal/users/ann/data")).body["greetings"] == 0
    assert greeter.unready()


class Slow(Part):
    """Cannot forget at the first time."""

    asked = 0

    async def erase(self, whose: Whose) -> None:
        assert (whose.room, whose.addresses) == ("user:ann", ("ann@example.org",))
        self.asked += 1
        if self.asked == 1:
            raise StoreUnavailable("not yet")


async def test_a_part_that_cannot_forget_a_user_is_asked_again_with_all_that_names_the_user(tmp_path: Path):
    """The shelves forget last: an address that they have forgotten would be no part's any more."""
    async with gateway(tmp_path, extend=lambda started: started.add(Slow())) as here:
        await here.ask("PUT", "/internal/users/ann", body={"email": "Ann@Example.org"})
        answers = [(await here.ask("DELETE", "/internal/users/ann/data")).status for _ in range(2)]
        left = (await here.ask("GET", "/internal/users/ann/data")).body

    assert (answers, left["email"]) == ([503, 200], None)


def test_the_settings_of_a_new_part_are_read_explained_and_documented_as_all_others():
    groups = (*GROUPS, GreeterSettings)

    with pytest.raises(SettingsError) as caught:
        load(groups, {"BELLHOP_GREETINGS_MAX": "0", "BELLHOP_GREETING_MAX": "1"})

    assert caught.value.problems == (
        "BELLHOP_GREETING_MAX is no setting of Bellhop; did you mean BELLHOP_GREETINGS_MAX?",
        "BELLHOP_GREETINGS_MAX must be a whole number from 1 to 2147483647.",
    )
    assert "| `BELLHOP_GREETINGS_MAX` | `3` | greetings between two cleanings |" in markdown(groups)
    assert load(groups, {})[GreeterSettings].at_most == 3
