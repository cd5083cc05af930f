"""What the URL of a relay says."""

import ssl

import pytest

from mailer.errors import MailConfigurationError
from mailer.relay import Relay, StartTLS
from tests.support.authority import Authority


def test_a_url_says_everything_about_the_relay(authority: Authority) -> None:
    relay = Relay.from_url(f"smtp://ann:p%40ss@mail.example:2525?starttls=optional&cafile={authority.cafile}")

    assert (relay.host, relay.port, relay.tls, relay.starttls) == (
        "mail.example",
        2525,
        False,
        StartTLS.OPTIONAL,
    )
    assert (relay.username, relay.password) == ("ann", "p@ss")
    assert relay.context.verify_mode is ssl.CERT_REQUIRED
    assert relay.context.check_hostname


def test_ports_follow_from_the_scheme_and_starttls_is_required() -> None:
    assert Relay.from_url("smtp://mail.example").port == 587
    assert Relay.from_url("smtp://mail.example").starttls is StartTLS.REQUIRED
    assert Relay.from_url("smtps://mail.example").port == 465


@pytest.mark.parametrize(
    "url",
    [
        "smtp://ann:opensesame@",
        "smtp://ann:opensesame@mail.example:port",
        "smtp://ann:opensesame@mail.example:99999",
        "smtp://ann:opensesame@a..b",
        "smtp://ann:opensesame/2@mail.example",
        "smtp://ann:opensesame@mail.example/path",
        "smtp://ann:opensesame@mail.example?tls=off",
        "smtp://ann:opensesame@mail.example?starttls=maybe",
        "smtps://ann:opensesame@mail.example?starttls=never",
        "smtp://ann:opensesame@mail.example?cafile=/nowhere/ca.pem",
        f"smtp://ann:opensesame@mail.example?cafile={__file__}",
    ],
)
def test_a_wrong_url_is_refused_without_telling_the_password(url: str) -> None:
    with pytest.raises(MailConfigurationError) as caught:
        Relay.from_url(url)

    assert "opensesame" not in str(caught.value)
    assert "opensesame" not in str(caught.value.__cause__)
