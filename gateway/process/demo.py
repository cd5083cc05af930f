"""`bellhop demo`: a node on the embedded defaults, with secrets of its own, and links to open.

Everything is kept in one folder, so that the next start finds the history, and the keys that old links were signed with.

It makes the settings, the secrets and the welcome; the node is the same as any other. The shop's backend is
`shop`, the day behind a new demo `seeding`, and its mailboxes `mailbox`.
"""

import hmac
import json
import os
import secrets
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from auth.signing import Signer
from gateway.ground import logs, places
from gateway.ground.logs import LogSettings
from gateway.ground.settings import Settings
from gateway.http import static
from gateway.process import node, settings
from gateway.process.mailbox import SpoolMailbox
from gateway.process.node import Addresses
from gateway.process.seeding import SeededDay
from gateway.process.shop import CUSTOMERS, Shop, token

SERVICE = "demo"
"""The name of the demo's service in the API keys."""
MAIL = "mail"
"""The folder of the spool, in that of the demo."""
AUTHORIZATION = "authorization"
"""The file with the header that a service sends: what is shown in a page names it, and so holds no key."""
EXAMPLE = json.dumps(
    {
        "to": "user:ann",
        "type": "ORDER_UPDATE",
        "data": {"order": "1234", "status": "shipped"},
        "email": {"to": "ann@demo.example", "after": 0},
    }
)
"""What the shown command emits."""
CATALOG = Path(__file__).parents[1] / "catalog" / "shop"
"""The example that `bellhop catalog init` writes."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class DemoSecrets:
    """Without a `repr`, so that no trace shows them."""

    jwt_secret: str
    """What tokens are signed with."""
    api_key: str
    """What the shop and the shown command emit by."""


def run(folder: Path, *, host: str, port: int, internal_port: int, seeded: bool = True) -> int:
    """Serve until Ctrl-C; answers the exit code. Raises OSError or ValueError for a folder it cannot use.

    One that is `seeded` has a day behind it when it is new.

    The folder is held by nobody: two demos on one folder would share a store.
    """
    folder = folder.absolute()
    own = keep_secrets(folder)
    _write_header(folder, own)
    in_force = demo_settings(folder, own, host=host, port=port, internal_port=internal_port)
    # Warnings alone: the welcome is what somebody should see.
    logs.configure(in_force[LogSettings].level, in_force[LogSettings].format)

    shops: list[Shop] = []

    def started(addresses: Addresses) -> None:
        for shop in shops:
            shop.curl = curl(addresses, f"-H @{shlex.quote(str(folder / AUTHORIZATION))}")
        sys.stdout.write(welcome(addresses, own, folder))
        sys.stdout.flush()

    # Called when the node is built and not started: what is added then starts with it.
    def extend(node: node.Node) -> None:
        mailbox = SpoolMailbox(folder / MAIL)
        shop = Shop(
            node.telling.emitter,
            node.inboxes.reading,
            node.access.verifier,
            Signer(own.jwt_secret),
            mailbox=mailbox,
        )
        shops.append(shop)
        node.add(shop)
        if seeded and node.mail is not None:
            seed(node)

    code = node.run(in_force, extend=extend, started=started)
    if code == 0:
        sys.stdout.write("\nBellhop has stopped. The next start goes on from here.\n")
    return code


def seed(node: node.Node) -> None:
    """Have the node begin with a day behind it, if it is new.

    The part looks for itself whether there is something already.
    """
    assert node.mail is not None
    node.add(
        SeededDay(
            planner=node.telling.planner,
            commit=node.commit,
            reading=node.inboxes.reading,
            choices=node.users.choices,
            wake_mailer=node.mail.wake,
            count=None if node.noter is None else node.noter.emitted,
            clock=node.clock,
        )
    )


def keep_secrets(folder: Path) -> DemoSecrets:
    """The secrets in the folder, made at the first time. Only their owner can read them.

    Two starts at once agree: the file is made by one of them, and read by the other. Raises `OSError`, and
    `ValueError` for one that is damaged.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / "secrets.json"
    made = {"jwt_secret": secrets.token_hex(32), "api_key": secrets.token_hex(32)}
    try:
        # Exclusively: of two first starts one makes the file, and the other reads it.
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _kept_secrets(file)
    with os.fdopen(descriptor, "w", encoding="ascii") as stream:
        json.dump(made, stream)
    return DemoSecrets(**made)


def _write_header(folder: Path, own: DemoSecrets) -> None:
    """For curl's `-H @file`. Only its owner can read it.

    Written anew at each start, as the key may have changed.
    """
    file = folder / AUTHORIZATION
    with os.fdopen(
        os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii"
    ) as stream:
        stream.write(f"Authorization: Bearer {own.api_key}\n")


def _kept_secrets(file: Path) -> DemoSecrets:
    """The secrets in this file. Raises `ValueError` for what is none."""
    try:
        kept = json.loads(file.read_text(encoding="ascii"))
        return DemoSecrets(jwt_secret=kept["jwt_secret"], api_key=kept["api_key"])
    except (ValueError, KeyError, TypeError):
        raise ValueError(f"{file} is damaged: remove it, and new secrets are made") from None


def demo_settings(folder: Path, own: DemoSecrets, *, host: str, port: int, internal_port: int) -> Settings:
    """The settings of a demo. The environment has no say: what somebody has set for a real node stays out of it.

    Raises `SettingsError`; with the folder's name in URLs, it may hold any character.
    """
    path = quote(str(folder))
    return settings.load(
        {
            "BELLHOP_HOST": host,
            "BELLHOP_PORT": str(port),
            "BELLHOP_INTERNAL_HOST": host,
            "BELLHOP_INTERNAL_PORT": str(internal_port),
            "BELLHOP_STORE_URL": f"sqlite:///{path}/bellhop.db",
            "BELLHOP_MAIL_URL": f"spool:///{path}/{MAIL}",
            "BELLHOP_MAIL_FROM": "Fernwood <shop@demo.example>",
            "BELLHOP_JWT_SECRET": own.jwt_secret,
            "BELLHOP_API_KEYS": f"{SERVICE}:{own.api_key}",
            # A demo is for a few: it need not speak of a machine's limits.
            "BELLHOP_MAX_CONNECTIONS": "500",
            "BELLHOP_CATALOG": str(CATALOG),
            "BELLHOP_LINK_SECRET": _link_secret(own),
            **_address(host, port),
            "BELLHOP_LOG_LEVEL": "warning",
            "BELLHOP_LOG_FORMAT": "text",
        },
        serving=True,
    )


def _link_secret(own: DemoSecrets) -> str:
    """What links in mail are made with: of its own, and the same at each start.

    Derived, so that the folder need not keep another.
    """
    return hmac.digest(own.jwt_secret.encode(), b"demo links", "sha256").hex()


def _address(host: str, port: int) -> dict[str, str]:
    """Where links in mail lead; nowhere of ours while any port will do, or where browsers cannot ask."""
    if port == 0 or places.is_unix(host):
        return {}
    return {"BELLHOP_BASE_URL": places.url(places.near(host), port)}


def curl(addresses: Addresses, authorization: str) -> str:
    """The command that sends Ann something.

    `authorization` is the option that brings the key: itself for a terminal, and the name of a file for a
    page.
    """
    return "\n".join(
        [
            f"curl -sS {addresses.internal}/internal/emit \\",
            f"  {authorization} -H 'Content-Type: application/json' \\",
            f"  -d '{EXAMPLE}'",
        ]
    )


def welcome(addresses: Addresses, own: DemoSecrets, folder: Path) -> str:
    """What to open, and what to try.

    The links hold tokens, in the fragment, which browsers send to nobody.
    """
    signer = Signer(own.jwt_secret)
    customers = "&".join(f"token={token(signer, user, name)}" for user, name in CUSTOMERS.items())
    admin = token(signer, "admin", "Admin", "admin")
    lines = [
        "",
        "Bellhop is running. Open these in a browser; they hold for 24 hours:",
        "",
        f"  the shop       {addresses.public}/demo/#{customers}&admin={admin}",
        "",
        f"  the dashboard  {addresses.public}/dashboard/#token={admin}",
        "",
        "Then send Ann something:",
        "",
        *(f"  {line}" for line in curl(addresses, f"-H 'Authorization: Bearer {own.api_key}'").splitlines()),
        "",
        f"The interface is described at {addresses.internal}/internal/docs/",
        f"Mail is written to {folder / MAIL}. Everything is kept in {folder}. Ctrl-C ends it.",
        "",
    ]
    missing = [name for name in ("demo", "dashboard") if not (static.PAGES / name / "index.html").exists()]
    if missing:
        lines += [
            f"Not built yet: {' and '.join(missing)} (`npm ci && npm run build` in the folder `web`).",
            "",
        ]
    return "\n".join(lines)
