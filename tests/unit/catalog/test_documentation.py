"""What docs/catalog.md says is so."""

import re
from pathlib import Path

from gateway.catalog import buckets, folder, loading, payload
from gateway.catalog.loading import load
from mailer import composed
from mailer.composed import NAMES
from mailer.filters import FILTERS

TEXT = (Path(__file__).parents[3] / "docs/catalog.md").read_text("utf-8")

REVIEW = """
[types.REVIEW]
category = "orders"
schema = { type = "object", required = ["product"], properties = { product = { type = "string" } } }
texts.en.title = "How is it?"

"""
"""What stands before the variants."""


def test_the_catalog_that_is_shown_can_be_used(tmp_path):
    shown, variants = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    (tmp_path / "catalog.toml").write_text(shown + REVIEW + variants, "utf-8")

    catalog = load(tmp_path)

    planned = catalog.plan("ORDER_UPDATE", {"order": "1234", "status": "shipped"}, "fr")
    assert (planned.title, planned.collapse) == ("Order 1234 has shipped", "order:1234")
    trial = catalog.types["REVIEW"].trial
    assert (trial.metric, trial.split.holdout, trial.seconds) == ("click", 5, 14 * 86_400)
    said = catalog.say(trial.variant("by-name").kind, {"product": "the lamp"}, "en")
    assert (said.title, said.subject) == ("How do you like the lamp?", "the lamp, and you?")
    assert catalog.say(trial.variant("plain").kind, {"product": "the lamp"}, "en").title == "How is it?"


def test_the_buckets_that_are_shown_are_right():
    rows = re.findall(r"\| `(\w+)`, `(\w+)`, (?:`(\w+)`|none) \| `([^`]+)` \| (\d+) \|", TEXT)

    assert len(rows) == 7
    for type_, channel, salt, key, bucket in rows:
        assert buckets.bucket(type_, channel, salt, key) == int(bucket)


def test_every_filter_and_every_name_is_there():
    assert all(re.search(rf"`{name}\b", TEXT) for name in FILTERS)
    assert all(f"`{name}`" in TEXT for name in NAMES)


def test_the_bounds_are_the_ones_in_force():
    assert folder.LARGEST_BYTES == 2**20
    assert loading.TYPES_MAX == 300
    assert folder.LARGEST_TOTAL_BYTES == 16 * 2**20
    assert payload.LARGEST_BYTES == 32 * 1024
    assert composed.LARGE_BYTES == 80 * 1024
    assert composed.BULK_BYTES_MAX == 100 * 1024
