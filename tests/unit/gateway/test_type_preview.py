"""A type as a reader would get it, where there is little to see."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.catalog.live import LiveCatalog
from gateway.catalog.loading import load
from gateway.notify.campaigns.plans import Imported, OwnTexts, Plan, Variant
from gateway.notify.deciding.decision import Judge
from gateway.notify.requests import Unfit
from gateway.notify.types.preview import NoSuchType, TypePreviewer, TypePreviewRequest
from gateway.notify.wording.languages import Languages
from gateway.notify.wording.scribe import Scribe
from mailer.errors import TemplateFailure
from storage.mail import LaneName, MailOrder
from storage.notifications import Notification

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
[types.LETTER]
category = "orders"
lane = "bulk"
channels = { in_app = true, email = true }
[types.LETTER.texts.en]
title = "Letter"
subject = "A letter"
"""


class Broken:
    """A press whose templates fail; it remembers what it was given, as title and subject."""

    def __init__(self) -> None:
        self.given: list[tuple[str, str | None]] = []

    async def render(self, notification: Notification, order: MailOrder) -> None:
        self.given.append((notification.title, order.subject))
        raise TemplateFailure("MAILED.html: line 3: it is broken")


@pytest.fixture
def press() -> Broken:
    return Broken()


@pytest.fixture
def previewer(tmp_path: Path, press: Broken) -> TypePreviewer:
    (tmp_path / "catalog.toml").write_text(CATALOG)
    live = LiveCatalog()
    live.replace(load(tmp_path))
    scribe = Scribe(live, Languages(None))  # type: ignore[arg-type]  # nobody asks
    return TypePreviewer(
        catalog=live,
        scribe=scribe,
        judge=Judge(None, []),  # type: ignore[arg-type]
        presses=dict.fromkeys(LaneName, press),  # type: ignore[arg-type]
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


TWO_WAYS = Plan(
    audience=Imported(),
    texts={"en": OwnTexts(title="Own", subject="Ours")},
    variants=(Variant(name="a"), Variant(name="b", texts={"en": OwnTexts(title="Other", subject="Theirs")})),
)


@pytest.mark.parametrize(
    ("plan", "variant", "shown", "mailed"),
    [
        (Plan(audience=Imported()), None, (None, "Letter"), ("Letter", "A letter")),
        (Plan(audience=Imported(), texts=TWO_WAYS.texts), None, (None, "Own"), ("Own", "Ours")),
        (TWO_WAYS, None, ("a", "Own"), ("Own", "Ours")),
        (TWO_WAYS, "b", ("b", "Own"), ("Other", "Theirs")),
    ],
)
async def test_a_campaign_is_shown_in_its_own_words_and_in_the_app_the_same_to_all(
    previewer: TypePreviewer,
    press: Broken,
    plan: Plan,
    variant: str | None,
    shown: tuple[str | None, str],
    mailed: tuple[str, str],
):
    found = await previewer.preview(TypePreviewRequest(type="LETTER", campaign=plan, variant=variant))

    assert found.item is not None
    assert ((found.variant, found.item.title), press.given) == (shown, [mailed])


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        (TypePreviewRequest(type="LETTER", campaign=TWO_WAYS, variant="c"), "variant"),
        (TypePreviewRequest(type="MAILED", campaign=TWO_WAYS), "type"),
        (
            TypePreviewRequest(
                type="LETTER", campaign=Plan(audience=Imported(), texts={"en": OwnTexts(subject="{{ no")})
            ),
            "campaign.texts.en.subject",
        ),
    ],
)
async def test_a_campaign_that_could_not_be_made_is_told_by_what_is_wrong(
    previewer: TypePreviewer, asked: TypePreviewRequest, field: str
):
    with pytest.raises(Unfit) as refused:
        await previewer.preview(asked)

    assert list(refused.value.errors) == [field]
