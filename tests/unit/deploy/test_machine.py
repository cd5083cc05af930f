"""What the machine must have for the tests: told where it may not be installed, and no word where nothing is missing."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

MACHINE = Path(__file__).parents[3] / ".ci" / "machine"
TOOLS = ("sh", "basename", "env", "grep", "id", "ldconfig", "uname")
SERVERS = (
    "chromium",
    "redis-server",
    "redis-sentinel",
    "nginx",
    "haproxy",
    "postfix",
    "opendkim",
    "dovecot",
    "dnsmasq",
)


def ask(folder: Path, *programs: str) -> subprocess.CompletedProcess[str]:
    """Ask on a machine that has these programs alone, beside what every machine has."""
    path = folder / "bin"
    path.mkdir()
    everywhere = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    for tool in TOOLS:
        found = shutil.which(tool, path=everywhere)
        assert found, tool
        (path / tool).symlink_to(found)
    for program in programs:
        (path / program).write_text("#!/bin/sh\nexit 1\n")
        (path / program).chmod(0o755)
    # The script adds where Debian keeps servers; on this machine of the test there is nothing.
    script = folder / "machine"
    script.write_text(MACHINE.read_text().replace("PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin\n", ""))
    return subprocess.run(
        ["/bin/sh", str(script), "test", sys.executable],
        env={"PATH": str(path)}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_without_a_package_manager_a_sentence_says_what_is_missing(tmp_path: Path):
    answered = ask(tmp_path, "make", "nginx", "redis-server")

    assert answered.returncode == 1
    assert answered.stdout == ""
    needs, what_to_do = answered.stderr.splitlines()
    assert "Chromium" in needs
    assert "Postfix" in needs
    assert "nginx" not in needs
    assert what_to_do == "Install them by your system's package manager, and try again."


def test_where_nothing_is_missing_nothing_is_done_or_said(tmp_path: Path):
    """An apt-get that fails would be told of."""
    answered = ask(tmp_path, "make", "apt-get", *SERVERS)

    assert (answered.returncode, answered.stdout, answered.stderr) == (0, "", "")
