"""What the documents say is what the software does."""

import configparser
import re
from pathlib import Path

from gateway.ground.parts import Part
from gateway.process.settings import markdown

ROOT = Path(__file__).parent.parent.parent


def test_the_readme_lists_every_setting_as_it_is():
    """To mend it, put what `bellhop config --markdown` prints into the README."""
    assert markdown() in (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_link_between_the_documents_leads_somewhere():
    documents = [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/*.md"),
        *ROOT.glob("k8s/*.md"),
        *ROOT.glob("web/*/README.md"),
    ]
    for document in documents:
        for link in re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8")):
            target, _, _ = link.partition("#")
            if target and "://" not in target:
                assert (document.parent / target).exists(), f"{document.name}: {link}"


GUIDES = [ROOT / name for name in ("CONTRIBUTING.md", "SECURITY.md", "docs/architecture.md")]
OURS = ("auth", "docs", "gateway", "k8s", "mailer", "storage", "tests", "web")


def guides() -> str:
    return "\n".join(guide.read_text(encoding="utf-8") for guide in GUIDES)


def test_every_path_that_the_guides_name_is_there():
    named = set(re.findall(rf"`((?:{'|'.join(OURS)})(?:/[\w./-]+)?)`", guides()))

    assert len(named) > 20
    assert not {path for path in named if not (ROOT / path).exists()}


def test_every_command_that_the_guides_name_is_one():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):.*##", makefile, re.MULTILINE))
    commands = re.findall(r"`make [^`\n]+`|^make .*$", guides(), re.MULTILINE)
    named = {name for command in commands for name in re.findall(r"\bmake ([a-z-]+)", command)}

    assert {"check", "quick", "test"} <= named <= targets


def test_the_guides_name_every_room_and_every_package_and_no_other():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    layers = setup["importlinter:contract:rooms"]["layers"]
    rooms = {f"gateway/{name}" for name in re.findall(r"\w+", layers)}

    picture = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").partition("## ")[0]
    assert set(re.findall(r"gateway/\w+", picture)) == rooms
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = contributing.partition("## Which tests are of what")[2].partition("## ")[0]
    assert rooms | {"auth", "mailer", "storage"} <= set(re.findall(r"`([\w/]+)`", table))


def test_the_architecture_names_the_rooms_of_the_use_cases_from_above():
    """A room may use those further down in the table, which is the order that the linter holds."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    layers = setup["importlinter:contract:use-cases"]["layers"].split("\n")
    place = {name: number for number, layer in enumerate(layers) for name in re.findall(r"\w+", layer)}
    rooms = {file.parent.name for file in (ROOT / "gateway" / "notify").glob("*/__init__.py")}

    architecture = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = architecture.partition("## The rooms of the use cases")[2].partition("## ")[0]
    named = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)

    assert sorted(named) == sorted(rooms)
    assert named == sorted(named, key=lambda room: place[room])


def test_every_test_is_of_something():
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    folders = [
        path
        for path in (*(ROOT / "tests").iterdir(), *(ROOT / "tests" / "unit").iterdir())
        if any(path.glob("**/test_*.py")) and path.name != "unit"
    ]

    missing = [path for path in folders if f"`{path.relative_to(ROOT)}`" not in contributing]

    assert not missing


def test_the_architecture_names_what_a_part_can_have():
    architecture = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    members = {name for name in vars(Part) if not name.startswith("_")} - {"start", "drain", "stop"}

    assert {name for name in members if f"`{name}`" not in architecture} == set()
