"""What the documents say is what the software does."""

import re
from pathlib import Path

from gateway.process.settings import markdown

ROOT = Path(__file__).parent.parent.parent


def test_the_readme_lists_every_setting_as_it_is():
    """To mend it, put what `bellhop config --markdown` prints into the README."""
    assert markdown() in (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_link_between_the_documents_leads_somewhere():
    documents = [
        ROOT / "README.md",
        *ROOT.glob("docs/*.md"),
        *ROOT.glob("k8s/*.md"),
        *ROOT.glob("web/*/README.md"),
    ]
    for document in documents:
        for link in re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8")):
            target, _, _ = link.partition("#")
            if target and "://" not in target:
                assert (document.parent / target).exists(), f"{document.name}: {link}"
