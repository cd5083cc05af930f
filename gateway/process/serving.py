"""The commands that last until a signal: a node, the mail worker alone, and the taker of mail that comes back.

Each reads the settings first, sets up the log, and only then imports what it runs: a wrong setting is told in
a moment.
"""

import argparse
from importlib.util import find_spec

from gateway.ground import logs
from gateway.ground.logs import LogSettings
from gateway.ground.settings import Settings
from gateway.mail.settings import BounceSettings
from gateway.process import settings
from gateway.process.calling import Failure
from gateway.process.subcommand import Subcommand, plain


def _serve(given: argparse.Namespace) -> int:
    """Run a node until a signal.

    Everything else is in `node.run`: what comes after the settings lasts until the process ends.
    """
    del given
    in_force = _in_force(serving=True)
    from gateway.process import node

    return node.run(in_force)


def _mail(given: argparse.Namespace) -> int:
    """Run the mail worker until a signal."""
    del given
    in_force = _in_force(serving=False)
    from gateway.process.mail_office import MailOffice

    return MailOffice.run(in_force)


def _bounces(given: argparse.Namespace) -> int:
    """Take returns until a signal. Raises `Failure` where nothing says whence, or an extra is missing.

    Where it listens needs aiosmtpd; to collect from a mailbox nothing more than is there anyway.
    """
    del given
    in_force = _in_force(serving=False)
    bounces = in_force[BounceSettings]
    if bounces.domain is None and bounces.mailbox is None:
        raise Failure(
            "there is nowhere that mail comes back to: set BELLHOP_BOUNCE_DOMAIN or BELLHOP_BOUNCE_IMAP_URL",
            2,
        )
    from gateway.process.bounce_office import BounceOffice, place_of

    if place_of(bounces) is not None and find_spec("aiosmtpd") is None:
        raise Failure("the extra `bounces` is not installed: without it there is BELLHOP_BOUNCE_IMAP_URL", 2)
    return BounceOffice.run(in_force)


def _in_force(*, serving: bool) -> Settings:
    """The settings, with which the log begins. What runs by them is imported after: a mistake is told at once.

    `serving` asks for what only a node needs. Raises `SettingsError`.
    """
    in_force = settings.load(serving=serving)
    logs.configure(in_force[LogSettings].level, in_force[LogSettings].format)
    return in_force


SERVE = Subcommand(
    name="serve",
    help="run a node: both sites, and the mail worker unless BELLHOP_MAIL_WORKER=false",
    more="SIGTERM and Ctrl-C drain it; asked twice, it hurries.",
    describe=plain(_serve),
)
MAIL = Subcommand(
    name="mail",
    help="run the mail worker alone",
    more="SIGTERM and Ctrl-C let it finish what it holds.",
    describe=plain(_mail),
)
BOUNCES = Subcommand(
    name="bounces",
    help="take mail that comes back, by LMTP or SMTP, or collect it from a mailbox",
    more="Where is said by BELLHOP_BOUNCE_LISTEN, which needs BELLHOP_BOUNCE_DOMAIN and the extra `bounces`, and BELLHOP_BOUNCE_IMAP_URL.",
    describe=plain(_bounces),
)
