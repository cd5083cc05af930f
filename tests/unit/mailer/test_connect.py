"""From a URL to a transport."""

from pathlib import Path

import pytest

from mailer.connect import connect
from mailer.errors import MailConfigurationError
from mailer.smtp import SMTPTransport
from mailer.spool import SpoolTransport


def test_three_slashes_are_relative_and_four_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    relative, absolute = connect("spool:///var/mail%20out"), connect(f"spool:///{tmp_path}/other")

    assert isinstance(relative, SpoolTransport)
    assert isinstance(absolute, SpoolTransport)
    assert (tmp_path / "var" / "mail out").is_dir()
    assert absolute.folder == tmp_path / "other"


@pytest.mark.parametrize("url", ["smtp://mail.example", "SMTPS://mail.example"])
def test_smtp_urls_become_the_smtp_transport(url: str) -> None:
    assert isinstance(connect(url), SMTPTransport)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "opensesame",
        "opensesame:x",
        "ftp://ann:opensesame@mail.example",
        "spool://mail",
        "spool:///",
        "spool:///a?b=opensesame",
    ],
)
def test_a_url_of_no_transport_is_refused_with_what_is_allowed(url: str) -> None:
    with pytest.raises(MailConfigurationError, match="allowed: ") as caught:
        connect(url)

    assert "opensesame" not in str(caught.value)
