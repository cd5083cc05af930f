"""A type as a reader would get it, where there is little to see."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.catalog.live import LiveCatalog
from gateway.catalog.loading import load
from gateway.notify.decide import Judge
from gateway.notify.languages import Languages
from gateway.notify.requests import TypePreviewRequest, Unfit
from gateway.notify.type_preview import NoSuchType, TypePreviewer
from gateway.notify.wording import Scribe
from mailer.errors import TemplateFailure
from storage.mail import LaneName

NOW = datetime(2026, 11, 26, tzinfo=UTC)
CATALOG = """
default_locale = "en"
[categories.orders]
name = { en = "Orders" }
[types.BARE]
category = "orders"
[types.MAILED]
category = "orders"
channels = { in_app = false, email = true }
[types.MAILED.texts.en]
title = "Mailed"
"""


class Broken:
    """A press whose templates fail."""

    async def render(self, *_: object) -> None:
        raise TemplateFailure("MAILED.html: line 3: it is broken")


@pytest.fixture
def previewer(tmp_path: Path) -> TypePreviewer:
    (tmp_path / "catalog.toml").write_text(CATALOG)
    live = LiveCatalog()
    live.replace(load(tmp_path))
    scribe = Scribe(live, Languages(None))  # type: ignore[arg-type]  # nobody asks
    return TypePreviewer(
        catalog=live,
        scribe=scribe,
        judge=Judge(None, []),  # type: ignore[arg-type]
        presses=dict.fromkeys(LaneName, Broken()),  # type: ignore[arg-type]
        clock=lambda: NOW,
    )


async def test_a_type_without_words_and_mail_shows_its_name(previewer: TypePreviewer):
    found = await previewer.preview(TypePreviewRequest(type="BARE"))

    assert found.item is not None
    assert (found.item.title, found.data, found.mail, found.problem) == (
        "BARE",
        {},
        None,
        "The type has no mail.",
    )


async def test_a_mail_that_cannot_be_made_is_told_with_its_reason(previewer: TypePreviewer):
    found = await previewer.preview(TypePreviewRequest(type="MAILED", data={}))

    assert (found.item, found.mail) == (None, None)
    assert found.problem == "MAILED.html: line 3: it is broken"


async def test_an_example_that_is_not_there_and_a_type_that_is_none(previewer: TypePreviewer):
    with pytest.raises(Unfit):
        await previewer.preview(TypePreviewRequest(type="BARE", example=1))
    with pytest.raises(NoSuchType):
        await previewer.preview(TypePreviewRequest(type="NONE"))
