"""What the figures were measured on: a figure without it says little."""

import contextlib
import ctypes
import importlib.metadata
import json
import os
import platform
import re
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
import tomllib
from pathlib import Path

from bench.rivals.servers import bun_program, centrifugo_program, oxide_program
from bench.servers import RIVALS
from tests.support.servers import node_program

FILES_NEEDED = 12_000
COMMITS = 400
PAGE_BYTES = 4096
ADDR_NO_RANDOMIZE = 0x0040000  # personality(2)


class TooFewFilesError(RuntimeError):
    pass


def raise_file_limit(wished: int = FILES_NEEDED) -> int:
    """Let this process and its children open as many files as the machine allows: a connection is one on each side.

    Answers how many that are: the wished, or more, where the limit allows it or may be raised. Raises `TooFewFilesError`
    when it is less than every benchmark needs.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < wished:
        # Who may do it is the machine's to say: root, as a rule.
        with contextlib.suppress(ValueError, PermissionError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wished, wished))
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < FILES_NEEDED:
        raise TooFewFilesError(f"{FILES_NEEDED} open files are needed, {hard} are allowed here (ulimit -Hn)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def start_alike(seed: int) -> None:
    """Have what is started from now on lay out its memory and its hashes alike, by this seed.

    The same program is slower or faster by some four per cent for as long as it runs, by where its memory came to lie. What
    is to be compared with itself starts with one seed, and with another in the next round.
    """
    os.environ["PYTHONHASHSEED"] = str(seed)
    # Where it is not allowed, as in some containers, it changes nothing.
    ctypes.CDLL(None).personality(ADDR_NO_RANDOMIZE)


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text, re.MULTILINE)
    return match.group(1).strip() if match else "unknown"


def description() -> str:
    """The machine, in a line."""
    processor = _found(r"^model name\s*:(.*)$", Path("/proc/cpuinfo").read_text())
    memory_kb = int(_found(r"^MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text()))
    cores = len(os.sched_getaffinity(0))
    return f"{cores} cores of {processor}, {memory_kb / 2**20:.0f} GiB, Linux {platform.release()}"


def commit() -> str:
    """What a commit waits for at the least, as a log that is written anew from its beginning: 4 KB, until they are on the disk
    of the temporary folder.
    """
    waits = []
    with tempfile.TemporaryFile(buffering=0) as file:
        file.write(bytes(PAGE_BYTES * COMMITS))
        os.fsync(file.fileno())
        for place in range(COMMITS):
            began = time.perf_counter()
            os.pwrite(file.fileno(), os.urandom(PAGE_BYTES), PAGE_BYTES * place)
            os.fdatasync(file.fileno())
            waits.append(1000 * (time.perf_counter() - began))
    percents = statistics.quantiles(waits, n=100)
    return f"{percents[49]:.1f} ms (p99 {percents[98]:.1f})"


def busy_seconds() -> float:
    """The CPU that all on this machine have used since it was started."""
    ticks = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    idle, waiting = ticks[3:5]
    return (sum(ticks) - idle - waiting) / os.sysconf("SC_CLK_TCK")


def versions() -> dict[str, str]:
    """The programs and libraries that were measured."""
    packages = ("python-socketio", "python-engineio", "aiohttp", "uvloop", "pymongo")
    found = {"Python": platform.python_version()} | {
        name: importlib.metadata.version(name) for name in packages
    }
    found["Node.js"] = subprocess.check_output([node_program(), "--version"], text=True).strip().lstrip("v")
    package = RIVALS / "node" / "node_modules" / "socket.io" / "package.json"
    if package.exists():
        found["socket.io"] = json.loads(package.read_text())["version"]
    if bun := bun_program():
        found["Bun"] = subprocess.check_output([bun, "--version"], text=True).strip()
    if oxide_program():
        manifest = tomllib.loads((RIVALS / "oxide" / "Cargo.toml").read_text())
        found["socketioxide"] = manifest["dependencies"]["socketioxide"]["version"].lstrip("=")
    if centrifugo := centrifugo_program():
        told = subprocess.check_output([centrifugo, "version"], text=True, stdin=subprocess.DEVNULL)
        found["Centrifugo"] = _found(r"^Centrifugo (.*)$", told)
    if nginx := shutil.which("nginx"):
        found["nginx"] = _found(
            r"nginx/(\S+)", subprocess.run([nginx, "-v"], capture_output=True, text=True, check=True).stderr
        )
    return found
