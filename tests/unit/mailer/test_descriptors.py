"""Whether a failure comes of file descriptors that have run out."""

import errno
import socket
from collections.abc import Callable

import pytest

from mailer.descriptors import ran_out


def test_a_failure_that_says_so_or_whose_cause_does_comes_of_it() -> None:
    outer = ConnectionError("cannot connect")
    outer.__cause__ = OSError(errno.EMFILE, "Too many open files")

    assert ran_out(outer)
    assert ran_out(OSError(errno.ENFILE, "Too many open files in system"))


def test_another_failure_comes_of_it_only_while_there_is_none_left(
    no_descriptors: Callable[[], None],
) -> None:
    """A resolver that cannot open its files says that the name is not known."""
    unknown = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    assert not ran_out(unknown)
    no_descriptors()
    assert ran_out(unknown)


def test_a_probe_that_fails_for_another_reason_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.devnull", "/nowhere/at/all")

    assert not ran_out(ConnectionError("cannot connect"))
