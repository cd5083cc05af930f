"""The catalog, the readers and the scribe of each test."""

from pathlib import Path

import pytest

from gateway.catalog.live import LiveCatalog
from gateway.catalog.loading import load
from gateway.notify.wording.languages import Languages
from gateway.notify.wording.scribe import Scribe
from tests.unit.gateway.wording.catalog import CATALOG, Known


@pytest.fixture
def live(tmp_path: Path) -> LiveCatalog:
    (tmp_path / "catalog.toml").write_text(CATALOG)
    catalog = LiveCatalog()
    catalog.current = load(tmp_path)
    return catalog


@pytest.fixture
def known() -> Known:
    return Known(ann="de-AT", bob="fr")


@pytest.fixture
def scribe(live: LiveCatalog, known: Known) -> Scribe:
    return Scribe(live, Languages(known))
