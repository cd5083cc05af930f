"""`bellhop emit`: one notification, through a running node.

It is one request to `/internal/emit`; what may be emitted is judged by the node.
"""

import argparse
import json

from gateway.process import calling, settings
from gateway.process.subcommand import Subcommand


def _describe(parser: argparse.ArgumentParser) -> None:
    """Give the parser what an emit may say."""
    parser.add_argument(
        "--to", required=True, action="append", metavar="ROOM",
        help="user:<id>, topic:<name>, admins or all; may be repeated",
    )  # fmt: skip
    parser.add_argument("--type", required=True, help="capitals, digits and _, such as ORDER_UPDATE")
    parser.add_argument(
        "--title", help="1 to 200 characters; may be left out where the catalog has words for the type"
    )
    parser.add_argument("--body", help="the text, 4000 characters at most")
    parser.add_argument("--link", metavar="URL", help="an absolute path, or an http(s) URL")
    parser.add_argument(
        "--data", type=calling.json_object, metavar="JSON", help="an object for the pages to use"
    )
    parser.add_argument("--locale", metavar="TAG", help="the language of the type's words, for all readers")
    parser.add_argument(
        "--email", action="store_true", help="mail it too, to the address last seen in the user's token"
    )
    parser.add_argument("--idempotency-key", metavar="KEY", help="makes it safe to repeat this command")
    calling.describe(parser)
    parser.set_defaults(run=_emit)


def _emit(given: argparse.Namespace) -> int:
    """Send it and print the answer as it came. Raises `Failure`."""
    in_force = settings.load()
    body = {
        "to": given.to if len(given.to) > 1 else given.to[0],
        "type": given.type, "title": given.title, "body": given.body, "link": given.link, "data": given.data,
        "locale": given.locale, "email": given.email or None,
    }  # fmt: skip
    headers = {} if given.idempotency_key is None else {"Idempotency-Key": given.idempotency_key}
    present = {name: value for name, value in body.items() if value is not None}
    line = calling.NodeClient(given, in_force)
    print(line.ask("POST", "/internal/emit", json.dumps(present).encode(), headers=headers, wanted=(202,)))
    return 0


EMIT = Subcommand(name="emit", help="emit a notification through a running node", describe=_describe)
