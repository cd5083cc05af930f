"""Who writes to the address of a mail's way out has clicked its link; nobody else has, and no letter is lost over it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from gateway.notify.returns.fates import Fate
from gateway.notify.returns.reports import Returns
from gateway.process.clicking import Clicker
from mailer.unsubscribe import UnsubscribeLinks, written
from storage.errors import StoreUnavailable
from storage.sqlite import SQLiteStore
from tests.unit.gateway.returns.desk import PATH, Desk

LINKS = UnsubscribeLinks(["a-secret-that-is-long-enough-for-us"], base_url="https://shop.example")
FORGED = UnsubscribeLinks(["another-secret-that-is-long-enough"], base_url="https://shop.example")
TOKEN = LINKS.token("ann", "offers")


def address(links: UnsubscribeLinks = LINKS) -> str:
    found = written(links.url("ann", "offers"), PATH.domain)
    assert found is not None
    return found


def letter(to: str, *fields: str) -> bytes:
    return "\r\n".join(
        ["From: ann@example.org", f"To: {to}", "Subject: unsubscribe", *fields, "", "."]
    ).encode()


class Door:
    """Where links lead."""

    def __init__(self) -> None:
        self.known = True
        self.away = False
        self.left: list[str] = []

    async def leave(self, token: str) -> bool:
        if self.away:
            raise StoreUnavailable("away")
        self.left.append(token)
        return self.known


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    store = SQLiteStore(tmp_path / "store.db")
    await store.open()
    yield Desk(store)
    await store.close()


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.fixture
def returns(desk: Desk, door: Door) -> Returns:
    made = Returns(
        outbox=desk.store.outbox, strays=desk.store.strays, suppressions=desk.suppressed, path=PATH, links=LINKS,
        domains=["shop.example"], clock=desk.clock, count=desk.count,  # type: ignore[arg-type]
    )  # fmt: skip
    made.leave = door.leave
    desk.returns = made
    return made


async def test_a_letter_is_a_click_wherever_its_address_stands(desk: Desk, returns: Returns, door: Door):
    assert returns.takes(address())

    by_field = await returns.take(letter(f"<{address().upper()}>"))
    by_envelope = await returns.take(letter("somebody@example.org"), came_to=[address()])
    collected = await returns.take(letter(address()), keep_letters=False)

    assert door.left == [TOKEN] * 3
    assert [each.fate for each in (by_field, by_envelope, collected)] == [Fate.UNSUBSCRIBED] * 3
    assert desk.counted == {(None, Fate.UNSUBSCRIBED): 3}
    assert await desk.strays() == []


async def test_what_a_machine_answers_and_what_others_made_up_takes_nobody_off(
    desk: Desk, returns: Returns, door: Door
):
    away = await returns.take(letter(address(), "Auto-Submitted: auto-replied"))
    forged = await returns.take(letter(address(FORGED)))
    elsewhere = await returns.take(letter(address().replace("bounces.", "other.")))

    assert door.left == []
    assert [each.fate for each in (away, forged, elsewhere)] == [
        Fate.IGNORED, Fate.UNATTRIBUTED, Fate.UNATTRIBUTED,
    ]  # fmt: skip
    assert not returns.takes(address(FORGED))
    assert len(await desk.strays()) == 2


async def test_a_letter_that_leads_to_nobody_is_kept_for_people(desk: Desk, returns: Returns, door: Door):
    door.known = False

    dealt = await returns.take(letter(address()))

    assert dealt.fate is Fate.UNATTRIBUTED
    assert len(await desk.strays()) == 1


async def test_while_it_cannot_be_done_the_letter_is_to_come_again(desk: Desk, returns: Returns, door: Door):
    door.away = True
    with pytest.raises(StoreUnavailable):
        await returns.take(letter(address()))

    assert desk.counted == {}
    assert await desk.strays() == []


async def test_without_links_it_is_a_letter_like_any_other(desk: Desk):
    assert not desk.returns.takes(address())
    assert (await desk.returns.take(letter(address()))).fate is Fate.UNATTRIBUTED


async def test_a_process_that_cannot_do_it_clicks_at_the_public_site():
    answers = iter([200, 404, 302, 503])
    clicked: list[tuple[str, str]] = []

    async def click(request: web.Request) -> web.Response:
        clicked.append((request.path, (await request.post()).get("List-Unsubscribe", "")))  # type: ignore[arg-type]
        status = next(answers)
        return web.Response(status=status, headers={"Location": "/u/other"} if status == 302 else {})

    site = web.Application()
    site.router.add_post("/u/{token}", click)
    async with TestServer(site) as server:
        links = UnsubscribeLinks(["s" * 32], base_url=str(server.make_url("")).rstrip("/"))
        clicker = Clicker(links)
        clicker.start()
        try:
            assert [await clicker.click(TOKEN), await clicker.click(TOKEN)] == [True, False]
            assert clicker.concerns() == []
            for status in (302, 503):
                with pytest.raises(StoreUnavailable, match=str(status)):
                    await clicker.click(TOKEN)
            assert clicker.concerns() == ["unsubscribing: the public site answers a click with 503"]
            await server.close()
            with pytest.raises(StoreUnavailable, match="not reached"):
                await clicker.click(TOKEN)
        finally:
            await clicker.stop()

    assert clicked == [(f"/u/{TOKEN}", "One-Click")] * 4
