"""What was tested is one version of everything that is depended on, none older than what Bellhop works with."""

import configparser

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from tests.unit.deploy.conftest import ROOT

PYTHONS = ("3.11.9", "3.12.9", "3.13.9")


def depended_on() -> list[Requirement]:
    """By the package and by its extras, but for the package itself."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    lists = [setup["options"]["install_requires"], *setup["options.extras_require"].values()]
    lines = [line.strip() for text in lists for line in text.splitlines()]
    read = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return [each for each in read if each.name != setup["metadata"]["name"]]


def machine(python: str) -> dict[str, str]:
    """What a machine of most servers says of itself."""
    return {
        "python_version": python.rpartition(".")[0], "python_full_version": python, "sys_platform": "linux",
        "platform_machine": "x86_64", "platform_python_implementation": "CPython", "implementation_name": "cpython",
    }  # fmt: skip


def pinned(python: str) -> dict[str, str]:
    """The version of each package, by its name."""
    versions: dict[str, str] = {}
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        read = Requirement(line)
        if read.marker is None or read.marker.evaluate(machine(python)):
            (one,) = read.specifier
            assert one.operator == "=="
            assert versions.setdefault(canonicalize_name(read.name), one.version) == one.version
    return versions


@pytest.mark.parametrize("python", PYTHONS)
def test_all_that_is_depended_on_was_tested_in_one_version_that_is_new_enough(python: str):
    versions = pinned(python)

    for each in depended_on():
        if each.marker is not None and not each.marker.evaluate(machine(python)):
            continue
        version = versions.get(canonicalize_name(each.name))
        assert version, f"{each.name}: run `make tested`"
        assert version in SpecifierSet(str(each.specifier), prereleases=True), each.name
