"""What a node does with what is too old, where there is an archive."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gateway.notify.archive.files import names_at
from tests.contract.store_cases import fill, sequences
from tests.support.gateway import gateway

OLD = datetime.now(UTC) - timedelta(days=3)


async def test_what_is_too_old_is_put_away_and_what_keeps_from_it_is_told(tmp_path: Path):
    """By housekeeping, on /readyz and in the metrics."""
    place = tmp_path / "archive"
    place.write_text("a file where a folder should be")
    async with gateway(tmp_path, HISTORY_DAYS="1", ARCHIVE_URL=f"file://{place}") as here:
        assert here.node is not None
        store = here.node.store
        await fill(store, "user:ann", 3, created_at=OLD)
        await here.emit("user:ann")

        await here.node.keeping.housekeeper.tidy()
        ready = await here.ask("GET", "/readyz")
        failing = str((await here.ask("GET", "/metrics")).body)
        there = await sequences(store, "user:ann")
        place.unlink()
        await here.node.keeping.housekeeper.tidy()
        well = await here.ask("GET", "/readyz")
        written = str((await here.ask("GET", "/metrics")).body)

        assert ready.status == 200
        assert any(each.startswith("archive: it cannot be written") for each in ready.body["warnings"])
        assert "bellhop_archive_failing 1.0" in failing
        assert "bellhop_archive_failures_total 1.0" in failing
        assert there == [1, 2, 3, 4]
        assert not any("archive" in each for each in well.body.get("warnings", []))
        assert "bellhop_archive_failing 0.0" in written
        assert "bellhop_archived_total 3.0" in written
        assert await sequences(store, "user:ann") == [4]
        assert here.node.keeping.archivist is not None
        depot = await here.node.keeping.archivist._open_depot()
        (name,) = await names_at(depot)
        manifest = json.loads(await depot.get(f"{name}.manifest.json") or b"")
        assert (manifest["rows"], manifest["name"]) == (3, f"notifications-{OLD:%Y-%m}-0001")
