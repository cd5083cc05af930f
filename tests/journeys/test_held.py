"""Mail that quiet hours hold: it is told, goes out at once when somebody says so, or never, and both are final."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.notify.departing import Departures
from storage.endings import Ending, Gathered, Sent
from storage.mail import LaneName
from tests.support.gateway import Gateway, gateway, token
from tests.support.node import NodeProcess


@pytest.fixture
async def here(store: dict[str, str], tmp_path: Path) -> AsyncIterator[Gateway]:
    """A gateway whose user Ann has quiet hours now."""
    now = datetime.now(UTC)
    hours = {
        "start": (now - timedelta(hours=1)).strftime("%H:%M"),
        "end": (now + timedelta(hours=2)).strftime("%H:%M"),
    }
    async with AsyncExitStack() as stack:
        started = await stack.enter_async_context(gateway(tmp_path, **store))
        await _told(started, "PATCH", "/internal/users/ann/preferences", {"quiet_hours": hours})
        yield started


async def _told(here: Gateway, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
    answered = await here.ask(method, path, body=body)
    assert answered.status == status, answered
    return answered.body


async def _held(here: Gateway, title: str) -> str:
    """A mail to Ann that waits; answers its id."""
    email = {"to": "ann@example.org", "after": 0}
    answered = await here.emit("user:ann", title, email=email)
    return str(answered["notification"]["id"])


async def _state(here: Gateway, mail_id: str) -> dict[str, Any]:
    return dict((await _told(here, "GET", f"/internal/notifications/{mail_id}"))["mail"])


async def test_held_mail_is_told_by_pages_with_the_rule_and_its_end(here: Gateway):
    ids = [await _held(here, f"Number {number}") for number in range(3)]

    first = await _told(here, "GET", "/internal/mail/held?limit=2")
    rest = await _told(here, "GET", f"/internal/mail/held?limit=2&after={first['next']}")

    told = [*first["mail"], *rest["mail"]]
    assert ({each["id"] for each in told}, rest["next"]) == (set(ids), None)
    assert {each["mail"]["decided_by"] for each in told} == {"quiet_hours"}
    assert [each["mail"]["due_at"] for each in told] == sorted(each["mail"]["due_at"] for each in told)
    wrong = await _told(here, "GET", "/internal/mail/held?after=nonsense", status=422)
    assert set(wrong["errors"]) == {"after"}


async def test_what_is_sent_before_its_time_leaves_within_the_quiet_hours_and_nothing_else_does(
    here: Gateway,
):
    hastened, held = await _held(here, "Now"), await _held(here, "Later")

    assert await _told(here, "POST", f"/internal/mail/{hastened}/send") == {"ids": [hastened]}

    async with asyncio.timeout(30):
        while (await _state(here, hastened))["state"] != "sent":
            await asyncio.sleep(0.02)
    assert (await _state(here, held))["state"] == "pending"
    await _told(here, "POST", f"/internal/mail/{hastened}/send", status=404)
    await _told(here, "DELETE", f"/internal/mail/{hastened}", status=404)
    assert [each["id"] for each in (await _told(here, "GET", "/internal/mail/held"))["mail"]] == [held]


async def test_what_is_cancelled_is_never_sent_and_stays_in_the_history(here: Gateway, node: NodeProcess):
    cancelled = await _held(here, "Never")
    admin = await node.open(here.public, namespace="/admin", auth={"token": token("root", roles=("admin",))})
    await admin.event("ready")

    assert (await admin.call("held", {}))["mail"][0]["id"] == cancelled
    assert (await admin.call("cancel_mail", {"id": cancelled}))["ids"] == [cancelled]
    refused = await admin.call("cancel_mail", {"id": cancelled})

    assert refused["error"]["code"] == "not_found"
    mail = await _state(here, cancelled)
    assert (mail["state"], mail["decided_by"]) == ("skipped", "cancelled")
    assert mail["verdict"] == "not sent: cancelled by an admin"
    history = await here.request(
        "GET", here.public + "/api/notifications", headers={"Authorization": f"Bearer {token('ann')}"}
    )
    assert [each["title"] for each in history.body["notifications"]] == ["Never"]


async def test_people_topics_and_members_are_asked_for_by_admins_too(here: Gateway, node: NodeProcess):
    await _told(here, "PUT", "/internal/users/ann", {"name": "Ann Archer", "email": "ann@example.org"})
    admin = await node.open(here.public, namespace="/admin", auth={"token": token("root", roles=("admin",))})
    await admin.event("ready")

    changed = await admin.call("change_members", {"topic": "deals", "add": ["ann", "bob"]})
    assert (changed["added"], changed["removed"]) == (2, 0)
    assert (await admin.call("topics", {"prefix": ""}))["topics"] == ["deals"]
    assert [
        m["user"] for m in (await admin.call("members", {"topic": "deals", "prefix": "a"}))["members"]
    ] == ["ann"]
    assert [t["topic"] for t in (await admin.call("user_topics", {"user": "bob"}))["topics"]] == ["deals"]
    assert (await admin.call("profile", {"user": "ann"}))["email"] == "ann@example.org"
    found = await admin.call("find_users", {"text": "arch"})
    assert ([each["user"] for each in found["users"]], found["more"]) == (["ann"], False)
    assert await _told(here, "GET", "/internal/users?text=ann@&limit=1") == {
        "users": [{"user": "ann", "email": "ann@example.org", "name": "Ann Archer", "last_seen": None}],
        "more": False,
    }
    assert (await _told(here, "GET", "/internal/topics?prefix=de"))["topics"] == ["deals"]
    chosen = await admin.call("user_preferences", {"user": "ann"})
    assert [change["by"].partition(":")[0] for change in chosen["changes"]] == ["service"]


async def test_several_that_were_held_come_in_one_mail_and_one_alone_by_itself(here: Gateway):
    assert here.node is not None
    node, morning = here.node, datetime.now(UTC) + timedelta(hours=3)
    departures = Departures(
        judge=node.judge,
        sources=node.sources,
        outbox=node.store.outbox,
        digests=node.store.digests,
        campaigns=node.store.campaigns,
    )

    async def leave() -> dict[str, Ending | None]:
        """What becomes of what is due in the morning."""
        leases = await node.store.outbox.lease(
            lane=LaneName.TRANSACTIONAL, limit=9, lease_seconds=60, now=morning
        )
        endings = {}
        for lease in leases:
            endings[lease.id] = ending = await departures.decide(lease, morning)
            await node.store.outbox.end(lease, ending or Sent(), now=morning)
        return endings

    alone = await _held(here, "Alone")
    assert await leave() == {alone: None}

    several = [await _held(here, f"Number {number}") for number in range(3)]
    endings = await leave()

    assert set(endings) == set(several)
    assert all(isinstance(ending, Gathered) for ending in endings.values())
    [digest] = await node.store.digests.of_room("user:ann", limit=9)
    assert (digest.key, digest.gathered) == ("quiet", 3)
    assert (await _state(here, several[0]))["verdict"] == (
        "in a digest: ann gets one mail of what quiet hours have held"
    )
