"""What the journeys of campaigns share: a catalog with newsletters, and how one is made, filled and waited for."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.journeys.test_mailing import until
from tests.support.gateway import Gateway

CATALOG = """
default_locale = "en"

[categories.news]
name = { en = "News" }

[types.NEWS]
category = "news"
lane = "bulk"
channels = { in_app = true, email = { default = true, unless = "read" } }
schema = { type = "object", required = ["issue"], properties = { issue = { type = "integer" }, first = { type = "string" } } }
texts.en = { title = "Issue {{ data.issue }}{{ ' for ' ~ data.first if data.first }}" }
texts.de = { title = "Ausgabe {{ data.issue }}" }

[types.ASKED_FOR]
category = "news"
lane = "bulk"
channels = { in_app = false, email = { default = false } }
texts.en = { title = "You asked" }

[types.TRIED]
category = "news"
lane = "bulk"
channels = { in_app = false, email = { clicks = true } }
texts.en = { title = "Tried" }

[categories.letters]
name = { en = "Letters" }
opt_in = true

[types.LETTER]
category = "letters"
lane = "bulk"
channels = { in_app = false, email = true }
texts.en = { title = "A letter" }

[types.RECEIPT]
category = "news"
texts.en = { title = "Receipt" }
"""
OVER = ("finished", "cancelled")


def catalog(folder: Path) -> str:
    """The folder of the catalog, as a setting."""
    made = folder / "catalog"
    made.mkdir(exist_ok=True)
    (made / "catalog.toml").write_text(CATALOG)
    return str(made)


async def told(here: Gateway, method: str, path: str = "", body: Any = None, *, status: int = 200) -> Any:
    answered = await here.ask(method, f"/internal/campaigns{path}", body=body)
    assert answered.status == status, answered
    return answered.body


async def make(here: Gateway, **fields: Any) -> str:
    """A draft; answers its id."""
    asked = {"name": "Autumn", "type": "NEWS", "data": {"issue": 7}, "audience": "import"} | fields
    id_: str = (await told(here, "POST", body=asked, status=201))["id"]
    return id_


async def fill(here: Gateway, id_: str, rows: Iterable[Mapping[str, Any]]) -> Any:
    """Import these recipients."""
    raw = "".join(f"{json.dumps(row)}\n" for row in rows).encode()
    answered = await here.ask(
        "POST", f"/internal/campaigns/{id_}/recipients", raw=raw, Content_Type="application/x-ndjson"
    )
    assert answered.status == 200, answered
    return answered.body


def people(count: int) -> list[dict[str, str]]:
    return [{"user": f"u{n}", "address": f"u{n}@example.org"} for n in range(count)]


async def ended(here: Gateway, id_: str) -> Any:
    """The accounting, once it is over and nothing is under way."""
    found: dict[str, Any] = {}

    async def is_over() -> bool:
        found.update(await told(here, "GET", f"/{id_}"))
        sums = found["accounting"]
        return found["state"] in OVER and not sums["pending"] and not sums["owed"]

    await until(is_over)
    return found["accounting"]


def sums(accounting: Mapping[str, Any]) -> dict[str, int]:
    """Those that are not nothing, without what was imported, having seen that they come out even."""
    parts = ("pending", "owed", "sent", "skipped", "dead", "cancelled")
    assert accounting["exact"]
    assert accounting["imported"] == sum(accounting[part] for part in parts)
    return {part: accounting[part] for part in parts if accounting[part]}
