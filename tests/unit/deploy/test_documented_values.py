"""What the documents name works: every value of a setting that they give is taken by what `bellhop serve` builds of it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.cluster.connect import connect
from gateway.cluster.settings import ClusterSettings
from gateway.mail.part import lanes_of
from gateway.mail.presses import presses_of
from gateway.mail.seals import seals_of
from gateway.mail.settings import BulkSettings, MailSettings
from gateway.notify.settings import StoreSettings
from gateway.process.settings import SETTINGS, load
from storage.connect import connect as connect_store
from tests.support.dkim import ed25519_key, pem, rsa_key
from tests.unit.deploy.conftest import ROOT

SECRET = "0123456789abcdef" * 2
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "Dockerfile")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted(path for path in (ROOT / "k8s").rglob("*") if path.suffix in (".md", ".yaml", ".env")),
]
BY_SCHEME = {
    "BELLHOP_STORE_URL": ("sqlite", "mongodb", "mongodb+srv"),
    "BELLHOP_BUS_URL": ("local", "redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel"),
    "BELLHOP_MAIL_URL": ("spool", "smtp", "smtps"),
}
VARIABLE = {scheme: variable for variable, schemes in BY_SCHEME.items() for scheme in schemes}
URL = re.compile(r"(?<![\w+])([a-z][a-z+]*)://[^\s`\"'|),]*(?:,[^\s`\"'|),]+)*")
ASSIGNMENT = re.compile(r"(BELLHOP_[A-Z_]+)=([^\s`\"']+(?: <[^>]+>)?)")
STANDS_FOR = {"new,old": f"{SECRET}new,{SECRET}old"}
"""What a document writes where everybody puts something else."""
SECRETS = {
    "BELLHOP_JWT_SECRET", "BELLHOP_API_KEYS", "BELLHOP_JWT_PUBLIC_KEY", "BELLHOP_MAIL_TEMPLATES", "BELLHOP_LINK_SECRET",
    "BELLHOP_CATALOG", "BELLHOP_POSTMARK_SECRET",
}  # fmt: skip
SIGNED = {
    "BELLHOP_MAIL_FROM": "orders@shop.example", "BELLHOP_DKIM_KEY": pem(rsa_key()) + pem(ed25519_key()),
    "BELLHOP_DKIM_SELECTOR": "a,b", "BELLHOP_DKIM_DOMAIN": "shop.example",
}  # fmt: skip
TOGETHER = {
    "BELLHOP_BOUNCE_DOMAIN": {"BELLHOP_LINK_SECRET": SECRET},
    "BELLHOP_DKIM_SELECTOR": SIGNED,
    "BELLHOP_DKIM_DOMAIN": SIGNED,
}
"""What does not work alone, with what it needs."""


def documented() -> Iterator[tuple[str, str]]:
    texts = [path.read_text() for path in DOCUMENTS] + [setting.help for setting in SETTINGS]
    known = {setting.variable: setting for setting in SETTINGS}
    for text in texts:
        for found in URL.finditer(text):
            if found[1] in VARIABLE:
                yield VARIABLE[found[1]], found[0].rstrip(".;:")
        for variable, value in ASSIGNMENT.findall(text):
            if variable in known and "$" not in value and "://" not in value:
                yield variable, value.rstrip(".,;:)")
    for setting in SETTINGS:
        if setting.default:
            yield setting.variable, setting.default
        if re.search(r"\b0: ", setting.help):
            yield setting.variable, "0"
    for value in ("debug", "info", "warning", "error"):
        yield "BELLHOP_LOG_LEVEL", value
    for value in ("auto", "json", "text"):
        yield "BELLHOP_LOG_FORMAT", value


def meant(value: str) -> str:
    """The value that a document means: a scheme alone, or with `…`, leads to some host."""
    scheme, separator, rest = value.partition("://")
    if separator and rest in ("", "…") and scheme != "local":
        return f"{scheme}://host/service" if scheme.endswith("+sentinel") else f"{scheme}://host"
    return STANDS_FOR.get(value, value)


def values() -> list[tuple[str, str]]:
    return sorted({(variable, meant(value)) for variable, value in documented()})


def test_the_documents_were_read():
    """A pattern that finds nothing would hold nothing."""
    found = values()

    assert {
        value.partition("://")[0] for variable, value in found if variable in BY_SCHEME
    } >= VARIABLE.keys()
    assert ("BELLHOP_TRANSPORTS", "websocket") in found
    assert ("BELLHOP_BUS_URL", "redis+sentinel://host,host2/service/0") in found


@pytest.mark.parametrize(("variable", "value"), values(), ids=lambda each: each)
async def test_a_value_that_a_document_names_is_taken(variable: str, value: str, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = {"BELLHOP_JWT_SECRET": SECRET, "BELLHOP_BUS_URL": "redis://host"} | TOGETHER.get(variable, {})
    if variable not in SECRETS or len(value) >= 32:
        given[variable] = value

    settings = load(given, serving=True)

    store = connect_store(settings[StoreSettings].url)
    links = connect(settings[ClusterSettings])
    links.bus(store.shared_secret)
    links.presence()
    mail, bulk = settings[MailSettings], settings[BulkSettings]
    lanes_of(mail, bulk, presses_of(mail, bulk, base_url=None), seals_of(settings), links.budget)
