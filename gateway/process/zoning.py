"""`bellhop dns`: the records that mail wants, looked up or printed, and a mail to try them with.

What mail wants of the DNS, and how it is looked up, is of `mailer.zone` and `mailer.zonecheck`; here it is
asked for and printed. It needs no store and no node.
"""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gateway.process.subcommand import Subcommand

if TYPE_CHECKING:
    # Only the types: the command line is read without them.
    from gateway.ground.settings import Settings
    from mailer.lanes import Lane
    from mailer.zone import Sending

WELL, FAILED, WRONG = 0, 1, 2


def _describe(parser: argparse.ArgumentParser) -> None:
    """Give the parser its options.

    Both may be asked for at once; without either the records are printed.
    """
    parser.add_argument("--check", action="store_true", help="look them up, and try the relay")
    parser.add_argument("--send", metavar="ADDRESS", help="send a mail there, as every mail is sent")
    parser.add_argument(
        "--server", type=_server, metavar="ADDRESS:PORT", help="ask this DNS server (default: the system's)"
    )
    parser.set_defaults(run=_run)


def _server(text: str) -> tuple[str, int]:
    """An address and a port. Raises `ArgumentTypeError`."""
    from mailer.zone import literal

    host, _, port = text.rpartition(":")
    if literal(host.strip("[]")) is None or not port.isdecimal() or not 0 < int(port) < 65536:
        raise argparse.ArgumentTypeError("an address and a port, such as 127.0.0.1:53")
    return host.strip("[]"), int(port)


def _run(given: argparse.Namespace) -> int:
    """Print the records, or try them; a missing extra is told with exit code 2."""
    from gateway.process import settings
    from mailer.errors import MailConfigurationError

    in_force = settings.load()
    try:
        if not given.check and given.send is None:
            return _print(_sending(in_force))
        return asyncio.run(_try(in_force, given))
    except MailConfigurationError as error:
        print(f"bellhop: {error}", file=sys.stderr)
        return WRONG
    except ModuleNotFoundError as error:
        print(f"bellhop: the extra `mailcheck` is not installed: {error}", file=sys.stderr)
        return WRONG


def _sending(in_force: "Settings") -> "Sending":
    """From where and as whom mail leaves, by the settings.

    Raises `MailConfigurationError` for keys that cannot be read.
    """
    from gateway.mail.seals import sender_domains
    from gateway.mail.settings import BounceSettings, BulkSettings, MailSettings, SigningSettings
    from mailer.signing_keys import keys_of
    from mailer.zone import Sending

    mail, bulk, signing = in_force[MailSettings], in_force[BulkSettings], in_force[SigningSettings]
    relays = (urlsplit(url).hostname for url in (mail.url, bulk.url) if url is not None)
    return Sending(
        senders=tuple(sorted(sender_domains(in_force))),
        relays=tuple(dict.fromkeys(relay for relay in relays if relay)),
        keys=keys_of(signing.keys, signing.selectors, signing.domains) if signing.keys else (),
        bounce_domain=in_force[BounceSettings].domain,
        bounce_host=mail.helo if mail.helo and not mail.helo.startswith("[") else None,
    )


def _print(sending: "Sending") -> int:
    """The records as lines of a zone, each with its reason.

    In the form of a zone file, with the reason as a comment above each, so that it can be put into one.
    """
    from mailer.zone import wanted

    for record in wanted(sending):
        print(f"; {record.why}\n{record.line()}")
    print(
        "; PTR: the addresses that your relay sends from have a name that leads back to them; its operator sets it"
    )
    return WELL


async def _try(in_force: "Settings", given: argparse.Namespace) -> int:
    """Look up, try the relays and send, as asked; exit code 1 if anything was wrong.

    What is good is printed too, as `ok`: silence would not tell whether it was looked at.
    """
    bad = 0
    if given.check:
        from mailer.zonecheck import Checker

        async for finding in Checker(_sending(in_force), server=given.server).findings():
            bad += _tell(finding.sentence, good=finding.good)
        for good, sentence in [each async for each in _relays(in_force)]:
            bad += _tell(sentence, good=good)
    if given.send is not None:
        good, sentence = await _send(in_force, given.send)
        bad += _tell(sentence, good=good)
    return FAILED if bad else WELL


def _tell(sentence: str, *, good: bool) -> int:
    """Print a finding; answers 1 for a bad one, to be added up."""
    print(f"{'ok   ' if good else 'wrong'}  {sentence}")
    return not good


async def _relays(in_force: "Settings") -> AsyncIterator[tuple[bool, str]]:
    """Whether each relay lets us in, as mail would have it.

    Each way there is once, though both lanes may have it. No mail is sent.
    """
    from gateway.mail.settings import BulkSettings, MailSettings
    from mailer.errors import MailError
    from mailer.smtp import SMTPTransport

    urls = in_force[MailSettings].url, in_force[BulkSettings].url
    # At the same host bulk mail may have an account of its own, which can be wrong by itself.
    has_own = urls[1] not in (None, urls[0])
    for lane, of, is_tried in zip(_lanes(in_force), ("", " of bulk mail"), (True, has_own), strict=True):
        transport = lane.transport
        if is_tried and isinstance(transport, SMTPTransport):
            try:
                encrypted = await transport.check()
            except MailError as error:
                yield False, f"the relay {transport.host}{of} does not let us in: {error}"
            else:
                how = "over TLS" if encrypted else "without TLS"
                yield True, f"the relay {transport.host}{of} lets us in {how}"
        await transport.close()


async def _send(in_force: "Settings", address: str) -> tuple[bool, str]:
    """A mail as every mail is: made by a press, sealed, handed to the relay.

    It goes by the transactional lane. Answers whether it was taken, and what was said; nothing is stored.
    """
    from mailer.errors import MailError
    from storage.ids import uuid7
    from storage.mail import MailOrder
    from storage.notifications import Notification

    now = datetime.now(UTC)
    probe = Notification(
        id=uuid7(), room="user:probe", type="BELLHOP_PROBE", title="A mail to try Bellhop with", created_at=now, data={},
        body="If you read this, mail arrives. Its headers say whether the signature was found good.",
    )  # fmt: skip
    lane, *others = _lanes(in_force)
    try:
        letter = await lane.press.render(probe, MailOrder(to=address, due_at=now))
        said = await lane.transport.send(await lane.seal.put_on(letter))
    except MailError as error:
        return False, f"the mail was not taken: {error}"
    finally:
        for each in (lane, *others):
            await each.transport.close()
            await each.press.close()
    return True, f"the relay has taken a mail for it: {said or 'without a word'}"


def _lanes(in_force: "Settings") -> "tuple[Lane, Lane]":
    """The lanes as the worker has them, without a bound on their rate.

    With connections of their own; whoever makes them closes them.
    """
    from gateway.http.settings import SiteSettings
    from gateway.mail.part import lanes_of, presses_of
    from gateway.mail.seals import seals_of
    from gateway.mail.settings import BulkSettings, MailSettings
    from mailer.budget import Unlimited

    mail, bulk = in_force[MailSettings], in_force[BulkSettings]
    presses = presses_of(mail, bulk, base_url=in_force[SiteSettings].base_url)
    return lanes_of(mail, bulk, presses, seals_of(in_force), lambda _name, _rate: Unlimited())


DNS = Subcommand(
    name="dns",
    help="print the DNS records that mail wants, or look whether they are there",
    more="For the settings in force. Exit code 1, with a reason a line, when --check or --send finds fault.",
    describe=_describe,
)
