"""Installed as a wheel, Bellhop runs, and says whose package lies in its way when one does."""

import configparser
import os
import shutil
import subprocess
import sys
import sysconfig
import time
import urllib.request
import venv
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from gateway.process.strangers import DISTRIBUTION, PACKAGES
from tests.support.servers import free_port
from tests.unit.deploy.conftest import ROOT

PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
STRANGER = "auth==3.7.1"
"""Of PyPI: an authorization library that has nothing to do with Bellhop, and the name of one of its packages."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bellhop's own, built from what the image is built from too."""
    folder = tmp_path_factory.mktemp("source")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "pages"))
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    run(*PIP, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(folder))
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stranger")
    run(*PIP, "download", "--no-deps", "--dest", str(folder), STRANGER)
    (downloaded,) = folder.glob("*.whl")
    return downloaded


class Installation:
    """A virtual environment that has what Bellhop depends on, and not Bellhop itself."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder, symlinks=True)
        self._python = folder / "bin" / "python"
        self.site = Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
        # The dependencies of these tests, but none of their own .pth files: one of those leads to the source tree.
        (self.site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))

    def install(self, wheel: Path) -> None:
        run(*PIP, "--python", str(self._python), "install", "--no-deps", "--no-index", str(wheel))

    def bellhop(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        program = self._python.with_name("bellhop")
        return subprocess.run(
            [program, *arguments], check=False, cwd=self.site, capture_output=True, text=True, timeout=60
        )

    @contextmanager
    def serving(self, folder: Path, internal_port: int) -> Iterator[None]:
        """`bellhop serve` without a setting that it does not need, in a folder of its own."""
        settings = {
            "BELLHOP_PORT": str(free_port()),
            "BELLHOP_INTERNAL_PORT": str(internal_port),
            "BELLHOP_JWT_SECRET": "s" * 32,
            "BELLHOP_API_KEYS": f"shop:{'k' * 32}",
        }
        process = subprocess.Popen(
            [self._python.with_name("bellhop"), "serve"],
            cwd=folder,
            env={"PATH": os.environ["PATH"], "HOME": str(folder)} | settings,
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait(30)


def answers(url: str) -> bool:
    """Whether it answers with a 2xx within half a minute."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with suppress(OSError), urllib.request.urlopen(url, timeout=2):
            return True
        time.sleep(0.1)
    return False


@pytest.fixture
def installed(tmp_path: Path, wheel: Path) -> Installation:
    there = Installation(tmp_path / "venv")
    there.install(wheel)
    return there


def run(*command: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.timeout(300)  # a wheel is built and installed
def test_installed_it_serves_and_has_every_module_of_the_source(
    installed: Installation, wheel: Path, tmp_path: Path
):
    """That it starts from its clone says nothing: there every folder is a package."""
    modules = {path.relative_to(ROOT).as_posix() for name in PACKAGES for path in (ROOT / name).rglob("*.py")}
    with zipfile.ZipFile(wheel) as archive:
        assert modules <= set(archive.namelist())

    port = free_port()
    with installed.serving(tmp_path, port):
        assert answers(f"http://127.0.0.1:{port}/readyz")


@pytest.mark.timeout(300)  # a wheel is built and installed, another is fetched
def test_it_runs_by_itself_and_stops_with_a_sentence_beside_anothers_package(
    installed: Installation, stranger: Path
):
    alone = installed.bellhop("--version")
    installed.install(stranger)
    beside = installed.bellhop("--version")
    # As an uninstallation of the other does: the file that both have written is in its list too.
    (installed.site / "auth" / "__init__.py").unlink()
    left = installed.bellhop("serve")

    assert (alone.returncode, alone.stdout) == (0, f"bellhop {version()}\n"), alone.stderr
    for refused, whose in (beside, ", but of auth 3.7.1"), (left, ", but of auth 3.7.1"):
        assert (refused.returncode, refused.stdout) == (2, "")
        assert refused.stderr.startswith("bellhop: the package `auth` at ")
        assert f" is not Bellhop's{whose}. Bellhop is an application" in refused.stderr
        assert "`pipx install .`" in refused.stderr
        assert refused.stderr.count("\n") == 1


def test_a_package_of_the_working_directory_is_not_taken_for_its_own(tmp_path: Path):
    """`python -m` looks there first."""
    (tmp_path / "storage.py").write_text("raise AssertionError('it was imported')")

    done = subprocess.run(
        [sys.executable, "-m", "gateway", "--version"],
        check=False,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
    )

    assert done.returncode == 2
    assert done.stderr.startswith(
        f"bellhop: the package `storage` at {tmp_path / 'storage.py'} is not Bellhop's. "
    )


def test_every_package_at_the_top_is_looked_at():
    included = setup()["options.packages.find"]["include"].split()

    assert included == [f"{name}*" for name in PACKAGES]
    assert setup()["metadata"]["name"] == DISTRIBUTION


def test_it_is_not_uploaded_by_mistake():
    assert "Private :: Do Not Upload" in setup()["metadata"]["classifiers"].splitlines()


def setup() -> configparser.ConfigParser:
    read = configparser.ConfigParser()
    read.read(ROOT / "setup.cfg")
    return read


def version() -> str:
    return setup()["metadata"]["version"]
