"""A guest's machine lacks servers: what `make check` leaves out there, and `make test` does not."""

import subprocess
import sys
from pathlib import Path

TESTS = """
import pytest
from tests.support.servers import ServerMissing

@pytest.fixture
def server():
    raise ServerMissing("no mongod here")

def test_with_a_server(server): pass
def test_that_starts_one(): raise ServerMissing("no redis-server here")
def test_that_fails(): assert False
def test_that_needs_none(): pass
"""


def outcome(folder: Path, *plugin: str) -> str:
    """The last lines of pytest, with the reasons of what was left out."""
    file = folder / "test_of_a_guest.py"
    file.write_text(TESTS)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", *plugin, str(file)],
        check=False, capture_output=True, text=True, timeout=100, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    return done.stdout


def test_what_misses_a_server_is_left_out_with_the_reason_and_nothing_else(tmp_path: Path):
    told = outcome(tmp_path, "-p", "tests.support.guest")

    assert "1 failed, 1 passed, 2 skipped" in told
    assert "no mongod here" in told
    assert "no redis-server here" in told


def test_without_the_plugin_a_missing_server_is_a_failure(tmp_path: Path):
    assert "2 failed, 1 passed, 1 error" in outcome(tmp_path)
