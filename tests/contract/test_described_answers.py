"""No request of any kind gets an answer that the OpenAPI document does not describe, and each operation can be asked well."""

import asyncio
import re
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from gateway.catalog import loading
from gateway.ground import encoding
from gateway.http import descriptions, openapi
from tests.support.amounts import amount
from tests.support.gateway import API_KEY, Gateway, gateway, token

UNKNOWN_ID = "01900000-0000-7000-8000-000000000000"
CHECKS = [
    schemathesis.checks.not_a_server_error,
    schemathesis.checks.status_code_conformance,
    schemathesis.checks.content_type_conformance,
    schemathesis.checks.response_headers_conformance,
    schemathesis.checks.response_schema_conformance,
]


SHOP = Path(loading.__file__).parent / "shop"


NEWSLETTER = {
    "name": "Autumn",
    "type": "NEWSLETTER",
    "data": {"issue": 1, "headline": "Light", "articles": [{"title": "A", "teaser": "B", "slug": "c"}]},
    "audience": "import",
    "in_app": None,
    "send_at": None,
    "local_time": None,
    "to": ["ann@example.org"],
}
HELLO = {"to": "user:ann", "type": "HELLO", "title": "Hello"}
FAR_AHEAD = encoding.time(datetime.now(UTC) + timedelta(days=300))
SOUND_BODIES: Mapping[tuple[str, str], Any] = {
    ("post", "/internal/emit"): HELLO,
    ("post", "/internal/emit/batch"): {"notifications": [HELLO]},
    ("post", "/internal/cancel"): {"cancel_key": "order-1234"},
    ("post", "/internal/suppressions"): {"address": "bob@example.org", "scope": "*"},
    ("post", "/internal/suppressions/batch"): {"suppressions": [{"address": "eve@example.org"}]},
    ("post", "/internal/lanes/{lane}/pause"): {"reason": "too many bounces"},
    ("post", "/internal/mail/reports"): b"Subject: hello\r\n\r\nI am on holiday.\r\n",
    ("post", "/internal/mail/reports/generic"): {"event": "delivered", "mail": UNKNOWN_ID},
    ("post", "/internal/users/{user}/disconnect"): {},
    ("put", "/internal/users/{user}"): {"name": "Ann"},
    ("patch", "/internal/users/{user}"): {"name": "Anna"},
    ("post", "/internal/users/batch"): {"users": [{"user": "ann", "name": "Ann"}]},
    ("post", "/internal/topics/{topic}/members"): {"add": ["ann"]},
    ("patch", "/internal/users/{user}/preferences"): {"locale": "de"},
    ("put", "/internal/users/{user}/preferences"): {"locale": "de"},
    ("post", "/internal/types/{type}/preview"): {"data": {"product": "Lamp", "order": "1234"}},
    ("patch", "/internal/types/{type}"): {"enabled": True},
    ("post", "/internal/experiments/{experiment}/conversions"): {"users": ["ann"]},
    ("post", "/internal/campaigns"): {name: NEWSLETTER[name] for name in ("name", "type", "data", "audience")},
    ("post", "/internal/campaigns/{campaign}/recipients"): b'{"user": "ann"}\n',
    ("post", "/internal/campaigns/{campaign}/dry_run"): {},
    ("post", "/internal/campaigns/{campaign}/choose"): {"variant": "a"},
    ("post", "/internal/campaigns/{campaign}/test"): {"to": ["ann@example.org"]},
    ("post", "/api/notifications/read"): {"all": True},
    ("patch", "/api/preferences"): {"locale": "en"},
}  # fmt: skip
"""A body that each operation takes which wants one: a random one hardly ever holds a zone, an address or a user that there is."""
SOUND_QUERIES: Mapping[tuple[str, str], Mapping[str, Any]] = {
    ("delete", "/internal/suppressions"): {"address": "bob@example.org", "scope": "*"},
    ("get", "/internal/users/{user}/explain"): {"type": "REVIEW"},
    ("get", "/internal/users"): {"text": "ann"},
    ("get", "/internal/notifications"): {"user": "ann", "service": "shop"},
    ("get", "/internal/audit"): {"operation": "recall"},
    ("get", "/internal/stats"): {"by": "type,channel", "step": "hour"},
}
TRIED = """
[types.TRIED]
category = "orders"
texts.en = { title = "Hello" }
variants = [{ name = "a" }, { name = "b", texts = { en = { title = "Good morning" } } }]
experiment = { metric = "conversion", baseline = 0.1, effect = 0.05 }
"""
"""What the shop has not: a type that is said in several ways."""
NEVER_WELL = frozenset(
    {
        ("post", "/internal/mail/{id}/revive"),
        ("post", "/internal/campaigns/{campaign}/retry"),
        ("post", "/internal/campaigns/{campaign}/choose"),
        ("post", "/internal/nodes/{node}/drain"),
    }
)
"""There is no dead mail here, nobody who waits for a variant, and no other node: this one has to stay."""


class Asking:
    """Asks one operation, and holds each answer to the description."""

    def __init__(self, site: Gateway, operation: descriptions.Description, known: Mapping[str, str]) -> None:
        document = schemathesis.openapi.from_dict(dict(openapi.document()))
        self._operation = document[operation.path][operation.method]
        self._known = known
        self._key = (operation.method, operation.path)
        is_users = operation.scope == "user"
        self._base_url = site.public if is_users else site.internal
        self._credential = token("ann", roles=("admin",)) if is_users else API_KEY
        self._raw = operation.raw_body
        self._examples = amount(8, long=30) if operation.body else amount(3, long=10)

    def well(self) -> int:
        """The status of a sound request."""
        case = self._operation.Case(
            path_parameters={
                name: self._known[name] for name in re.findall(r"{(\w+)}", self._operation.path)
            },
            query=dict(SOUND_QUERIES.get(self._key, {})),
        )
        if self._key in SOUND_BODIES:
            case.body = SOUND_BODIES[self._key]
            case.media_type = (self._raw or ("application/json",))[0]
        return self._ask(case)

    def in_many_ways(self) -> None:
        """Sound ones and unsound ones."""
        positive, negative = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE

        @settings(
            max_examples=self._examples, deadline=None, database=None, derandomize=True,
            phases=[Phase.generate], suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(
            case=self._operation.as_strategy(generation_mode=positive)
            | self._operation.as_strategy(generation_mode=negative),
            is_known=st.booleans(),
        )
        def ask(case: schemathesis.Case, is_known: bool) -> None:
            if is_known:
                case.path_parameters |= {
                    name: self._known[name] for name in self._known.keys() & case.path_parameters.keys()
                }
            self._ask(case)

        ask()

    def _ask(self, case: schemathesis.Case) -> int:
        headers = {"Authorization": f"Bearer {self._credential}"}
        answer = case.call_and_validate(base_url=self._base_url, headers=headers, checks=CHECKS)
        return int(answer.status_code)


async def campaign_to_ask(site: Gateway, act: str) -> str:
    """The id of a campaign that can be asked this."""
    body = {name: NEWSLETTER[name] for name in ("name", "type", "data", "audience")}
    made = await site.ask("POST", "/internal/campaigns", body=body | {"send_at": FAR_AHEAD})
    where = f"/internal/campaigns/{made.body['id']}"
    before = {"pause": ["start"], "resume": ["start", "pause"]}.get(act, [])
    for each in before:
        assert (await site.ask("POST", f"{where}/{each}")).status == 200
    return str(made.body["id"])


@schemathesis.serializer("message/rfc822", "application/x-ndjson", "text/csv")
def as_it_is(context: Any, value: Any) -> bytes:
    """How Schemathesis sends a message: any bytes are one."""
    del context
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")


PARTS = 4


# Schemathesis's own strategies draw from `random`.
@pytest.mark.filterwarnings(
    "ignore:Do not use the `random` module:hypothesis.errors.HypothesisDeprecationWarning"
)
@pytest.mark.long
@pytest.mark.timeout(400)  # each of a quarter of all operations, in many ways
@pytest.mark.parametrize("part", range(PARTS))
async def test_no_request_gets_an_answer_that_is_not_described(tmp_path: Path, part: int):
    catalog = Path(shutil.copytree(SHOP, tmp_path / "catalog"))
    with (catalog / "catalog.toml").open("a", encoding="utf-8") as file:
        file.write(TRIED)
    async with gateway(tmp_path, CATALOG=str(catalog)) as site:
        for operation in descriptions.DESCRIPTIONS[part::PARTS]:
            asking = Asking(site, operation, await known_for(site, operation))
            status = await asyncio.to_thread(asking.well)
            is_well = status in (200, 201, 202, 207) or (operation.method, operation.path) in NEVER_WELL
            assert is_well, (operation.method, operation.path, status)
            await asyncio.to_thread(asking.in_many_ways)


async def known_for(site: Gateway, operation: descriptions.Description) -> Mapping[str, str]:
    """What the operation's path can name, made anew: the one before may have deleted it."""
    known = {
        "type": "REVIEW", "user": "ann", "topic": "sale", "lane": "bulk", "node": "another", "experiment": "TRIED",
    }  # fmt: skip
    if operation.path.startswith("/internal/scheduled/"):
        body = HELLO | {"send_at": FAR_AHEAD}
        later = await site.ask("POST", "/internal/emit", body=body)
        return known | {"id": later.body["scheduled"][0]["id"]}
    if operation.path.startswith("/internal/campaigns/"):
        return known | {"campaign": await campaign_to_ask(site, operation.path.rpartition("/")[2])}
    if "/users/{user}" in operation.path:
        await site.ask("PUT", "/internal/users/ann", body={"name": "Ann"})
    emitted = await site.emit("user:ann", email={"to": "ann@example.org", "after": 3600})
    return known | {"id": emitted["notification"]["id"]}
