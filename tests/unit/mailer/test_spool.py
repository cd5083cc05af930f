"""The spool: whole files with readable names, or none."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mailer.errors import DescriptorFailure, MailConfigurationError, SpoolFailure
from mailer.spool import SpoolTransport
from tests.unit.mailer.letters import ID, letter


async def test_a_file_is_named_by_the_time_and_the_id_of_its_notification(tmp_path: Path) -> None:
    spool = SpoolTransport(tmp_path / "a" / "mail")

    said = await spool.send(letter())

    assert [file.name for file in spool.folder.iterdir()] == [said] == [f"20261123T093000Z-{ID}.eml"]


async def test_an_id_cannot_leave_the_folder(tmp_path: Path) -> None:
    spool = SpoolTransport(tmp_path / "mail")

    await spool.send(letter(id="../../etc/passwd"))

    assert [file.name for file in spool.folder.iterdir()] == ["20261123T093000Z-.._.._etc_passwd.eml"]


async def test_a_repeated_send_replaces_its_file(tmp_path: Path) -> None:
    spool = SpoolTransport(tmp_path)

    await spool.send(letter())
    await spool.send(letter())

    assert len(list(tmp_path.iterdir())) == 1


async def test_a_failed_write_leaves_nothing_behind_and_says_that_it_is_ours(tmp_path: Path) -> None:
    spool = SpoolTransport(tmp_path / "mail")
    # A folder in the place of the file: the rename cannot succeed, whoever runs this.
    (tmp_path / "mail" / f"20261123T093000Z-{ID}.eml").mkdir()

    with pytest.raises(SpoolFailure):
        await spool.send(letter())

    assert len(list((tmp_path / "mail").iterdir())) == 1


def test_a_folder_that_cannot_be_made_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("a file")

    with pytest.raises(MailConfigurationError, match="cannot be made"):
        SpoolTransport(tmp_path / "mail")


async def test_descriptors_that_ran_out_are_told_as_such(
    tmp_path: Path, no_descriptors: Callable[[], None]
) -> None:
    spool = SpoolTransport(tmp_path)
    no_descriptors()

    with pytest.raises(DescriptorFailure):
        await spool.send(letter())
