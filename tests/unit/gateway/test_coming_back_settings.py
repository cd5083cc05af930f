"""What operators say of how mail comes back: told at the start where it cannot be meant, and shown without passwords."""

import pytest

from gateway.ground.settings import SettingsError
from gateway.mail.provider_settings import ProviderSettings
from gateway.mail.settings import BounceSettings
from gateway.process.bounce_office import place_of
from gateway.process.settings import load, survey

TOPICS = "arn:aws:sns:eu-west-1:123456789012:mail, arn:aws-cn:sns:cn-north-1:123456789012:mail"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"SES_TOPICS": "arn:aws:sns:eu-west-1:1:x"}, "must be ARNs of topics"),
        ({"POSTMARK_SECRET": "hidden"}, "24 ASCII characters or more"),
        ({"POSTMARK_SECRET": "hidden-hidden-hidden-hidden-é"}, "24 ASCII characters or more"),
        ({"BOUNCE_IMAP_URL": "imap://u:hidden@h/?x"}, "is no mailbox"),
        ({"BOUNCE_IMAP_URL": "imap://u:hid/den@h/"}, "is no mailbox"),
        ({"BOUNCE_LISTEN": "lmtp://127.0.0.1:1"}, "needs BELLHOP_BOUNCE_DOMAIN"),
        (
            {"BOUNCE_LISTEN": "lmtp://127.0.0.1:1", "BOUNCE_IMAP_URL": "imap://u:p@h"},
            "needs BELLHOP_BOUNCE_DOMAIN",
        ),
        ({"BOUNCE_IMAP_EVERY": "0"}, "must be more than 0"),
    ],
)
def test_what_cannot_be_meant_is_told_without_its_secrets(settings: dict[str, str], said: str):
    with pytest.raises(SettingsError) as caught:
        load({f"BELLHOP_{name}": value for name, value in settings.items()})

    assert said in str(caught.value)
    assert "hid" not in str(caught.value)


def test_what_is_meant_is_read_and_its_secrets_are_not_shown():
    environ = {
        "BELLHOP_SES_TOPICS": TOPICS,
        "BELLHOP_POSTMARK_SECRET": f"{'hidden' * 4},{'secret' * 4}",
        "BELLHOP_BOUNCE_IMAP_URL": "imaps://bounces:hidden@imap.shop.example/",
    }

    given = load(environ)

    assert given[ProviderSettings].ses_topics == tuple(TOPICS.split(", "))
    assert given[ProviderSettings].postmark_secrets == ("hidden" * 4, "secret" * 4)
    assert given[BounceSettings].mailbox is not None
    shown = {entry.setting.name: entry.shown for entry in survey(environ)}
    assert shown["BOUNCE_IMAP_URL"] == "imaps://bounces:***@imap.shop.example/"
    assert "hidden" not in repr(given) + str(shown)


@pytest.mark.parametrize(
    ("settings", "place"),
    [
        ({}, "127.0.0.1:2424"),
        ({"BOUNCE_IMAP_URL": "imap://u:p@h"}, None),
        ({"BOUNCE_IMAP_URL": "imap://u:p@h", "BOUNCE_LISTEN": "smtp://0.0.0.0:25"}, "0.0.0.0:25"),
    ],
)
def test_who_collects_listens_only_when_that_is_said(settings: dict[str, str], place: str | None):
    environ = {"BOUNCE_DOMAIN": "bounces.shop.example", "LINK_SECRET": "s" * 32} | settings
    found = place_of(load({f"BELLHOP_{name}": value for name, value in environ.items()})[BounceSettings])

    assert (None if found is None else f"{found.host}:{found.port}") == place
