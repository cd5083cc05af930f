"""Reading what came: the blocks of fields that a report has."""

from mailer.parts import blocks


def test_blank_blocks_between_others_are_none():
    found = list(
        blocks(b"\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n \r\n\r\n\r\nAction: failed\r\n\r\n\r\n")
    )

    assert len(found) == 2
