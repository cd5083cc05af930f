"""`bellhop demo`: everything on the embedded defaults, with links to open.

It stands apart from `demo`, which imports a node: the help must not.
"""

import argparse
from pathlib import Path

from gateway.ground import places
from gateway.process.calling import Failure
from gateway.process.subcommand import Subcommand


def _describe(parser: argparse.ArgumentParser) -> None:
    """Give the parser its options."""
    parser.add_argument(
        "--dir", type=Path, default=Path("var/demo"), metavar="FOLDER",
        help="where its secrets, its store and its mail are kept, from one time to the next (default: var/demo)",
    )  # fmt: skip
    parser.add_argument(
        "--empty", action="store_true", help="begin with nothing; else a demo that is new has a day behind it"
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        type=_tcp_hosts,
        help="address of both sites, or several with commas between (default: 127.0.0.1)",
    )
    parser.add_argument(
        "--port", type=_port, default=8080, help="port of the public site (default: 8080; 0: any)"
    )
    parser.add_argument(
        "--internal-port", type=_port, default=8081, help="port of the internal site (default: 8081; 0: any)"
    )
    parser.set_defaults(run=_demo)


def _port(text: str) -> int:
    """A port. Raises `ArgumentTypeError`."""
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return int(text)


def _tcp_hosts(text: str) -> str:
    """Addresses that a browser can ask. Raises `ArgumentTypeError`."""
    try:
        hosts = [places.place(item.strip()) for item in text.split(",")]
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if any(map(places.is_unix, hosts)):
        raise argparse.ArgumentTypeError("the demo is for browsers, which open no unix socket")
    return text


def _demo(given: argparse.Namespace) -> int:
    """Run it until Ctrl-C. Raises `Failure` for a folder that cannot be used.

    The folder may be relative; nothing outside of it is written.
    """
    from gateway.process import demo

    try:
        return demo.run(
            given.dir,
            host=given.host,
            port=given.port,
            internal_port=given.internal_port,
            seeded=not given.empty,
        )
    except (OSError, ValueError) as error:
        raise Failure(f"the demo cannot use {given.dir}: {error}") from error


DEMO = Subcommand(
    name="demo", help="run everything on the embedded defaults, with links to open", describe=_describe
)
