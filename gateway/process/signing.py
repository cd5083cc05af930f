"""`bellhop token`: a token of a user, for trying things out.

It signs by the settings in force, so that a node with the same settings takes it. A real backend signs by
itself.
"""

import argparse
from datetime import timedelta

from marshmallow import ValidationError

from auth.errors import KeyConfigurationError
from auth.signing import Signer
from gateway.access.settings import KeySettings
from gateway.ground.values import duration
from gateway.process import settings
from gateway.process.calling import Failure
from gateway.process.subcommand import Subcommand


def _describe(parser: argparse.ArgumentParser) -> None:
    """Give the parser what a token may say."""
    parser.add_argument("--sub", required=True, metavar="ID", help="the user's id")
    parser.add_argument("--role", action="append", default=[], help="a role, such as admin; may be repeated")
    parser.add_argument(
        "--topic", action="append", default=[], help="a topic the user hears; may be repeated"
    )
    parser.add_argument("--email", metavar="ADDRESS", help="where the user's mail goes")
    parser.add_argument("--name", help="what the user is called")
    parser.add_argument("--locale", metavar="TAG", help="the language the user reads, such as de or pt-BR")
    parser.add_argument(
        "--ttl",
        type=_ttl,
        default=timedelta(hours=1),
        help="how long it holds: 90s, 15m, 1h, 7d (default: 1h)",
    )
    parser.set_defaults(run=_token)


def _ttl(text: str) -> timedelta:
    """How long it holds. Raises `ArgumentTypeError`."""
    try:
        seconds = duration(text)
    except ValidationError:
        seconds = 0
    if not 1 <= seconds <= 10 * 366 * 86400:
        raise argparse.ArgumentTypeError("a time such as 90s, 15m, 1h or 7d, ten years at most")
    return timedelta(seconds=seconds)


def _token(given: argparse.Namespace) -> int:
    """Sign and print. Raises `Failure` without a secret, and for what no token can say.

    The token alone is printed. The first secret signs, as while secrets are rotated.
    """
    keys = settings.load()[KeySettings]
    if not keys.jwt_secrets:
        raise Failure("there is nothing to sign with: set BELLHOP_JWT_SECRET to what the gateway has", 2)
    signer = Signer(keys.jwt_secrets[0], audience=keys.jwt_audience, issuer=keys.jwt_issuer)
    try:
        token = signer.sign(
            given.sub, ttl=given.ttl, roles=given.role, topics=given.topic, email=given.email, name=given.name,
            locale=given.locale,
        )  # fmt: skip
    except (ValueError, KeyConfigurationError) as error:
        raise Failure(f"{error}", 2) from error
    print(token)
    return 0


TOKEN = Subcommand(
    name="token", help="print a token of a user, signed with BELLHOP_JWT_SECRET", describe=_describe
)
