import os
import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.authority import Authority


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(Path(tmp_path_factory.mktemp("authority")))


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority that nobody here trusts."""
    return Authority.make(Path(tmp_path_factory.mktemp("stranger")))


@pytest.fixture
def no_descriptors() -> Iterator[Callable[[], None]]:
    """Take the last file descriptor of this process away; given back at the end."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.open(os.devnull, os.O_RDONLY)
    os.close(lowest_free)

    def take() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, before[1]))

    yield take
    resource.setrlimit(resource.RLIMIT_NOFILE, before)
