"""How commands ask a running node: where it is, by which key, and what is said when it does not do what is asked.

It speaks HTTP by the standard library and blocks: a command has nothing else to do. What the commands ask is
in `emitting`, `campaigning` and `campaign_import`.
"""

import argparse
import codecs
import http.client
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gateway.access.settings import KeySettings
from gateway.ground import places
from gateway.ground.settings import Settings
from gateway.http.settings import SiteSettings
from gateway.observe.metrics import release
from gateway.process.alive import UnixConnection

SECONDS = 30
"""How long an answer may keep us waiting. Of each read and write of a socket, not of the whole."""


class Failure(Exception):
    """A command that ends with a sentence and an exit code. `cli.main` prints the one and answers the other."""

    def __init__(self, sentence: str, code: int = 1) -> None:
        super().__init__(sentence)
        self.code = code


class Unreachable(Failure):
    """Nobody answers, or whoever does cannot do anything now: another time it may be well.

    Only this may be tried again by itself: anything else would be refused again.
    """


def describe(parser: argparse.ArgumentParser) -> None:
    """What says where the node is, and by which key it is asked.

    Every command that asks a node has these three options, and they mean the same in each.
    """
    parser.epilog = (
        "The address comes from BELLHOP_INTERNAL_HOST and BELLHOP_INTERNAL_PORT, the key from BELLHOP_API_KEYS, "
        "unless they are given here."
    )
    parser.add_argument("--url", type=_http_url, help="the internal site, such as http://bellhop:8081")
    parser.add_argument(
        "--key-file", type=Path, metavar="FILE", help="a file that holds the API key, and nothing else"
    )
    parser.add_argument(
        "--service", metavar="NAME", help="whose key of BELLHOP_API_KEYS to use (default: the first)"
    )


def json_object(text: str) -> dict[str, Any]:
    """What an option says that is part of what is asked. Raises `ArgumentTypeError`.

    For `type=` of an option.
    """
    try:
        value = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not JSON: {error}") from None
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError("not a JSON object")
    return value


class NodeClient:
    """The way to a node.

    Made once for a command; each question has a connection of its own. It follows no redirect.
    """

    def __init__(self, given: argparse.Namespace, in_force: Settings) -> None:
        self._url = given.url or _internal_url(in_force)
        self._headers = {
            "Authorization": f"Bearer {_api_key(given, in_force)}",
            "User-Agent": f"bellhop/{release()}",
        }

    def ask(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        media_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
        wanted: tuple[int, ...] = (200, 201, 202),
    ) -> str:
        """The body of the answer. Raises `Failure`, and `Unreachable` for what another time may be well.

        `wanted` are the statuses that are well. It may have been carried out all the same when it raises
        `Unreachable`: a caller that repeats needs a key.
        """
        content = {"Content-Type": media_type} if body else {}
        status, answer = self._answer(method, path, body, {**self._headers, **content, **(headers or {})})
        if status not in wanted:
            sentence = _refusal(self._url, status, answer)
            raise Unreachable(sentence) if status in _PASSING else Failure(sentence)
        return answer

    def _answer(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
        """The status and the body, whatever they are."""
        connection, base = _connection(self._url)
        try:
            connection.request(method, f"{base}{path}", body or None, dict(headers))
            response = connection.getresponse()
            return response.status, response.read().decode(errors="replace")
        except ValueError as error:  # a header that cannot be sent
            raise Failure(f"this cannot be sent: {error}", 2) from error
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(
                f"nobody answers at {self._url}: {error or type(error).__name__}. Is `bellhop serve` running?"
            ) from error
        finally:
            connection.close()


_PASSING = (429, 503)
"""Statuses that another time may be well."""


def _http_url(text: str) -> str:
    """A URL of a site, without a slash at its end. Raises `ArgumentTypeError`.

    The port 0 is no place to ask.
    """
    try:
        parts = urlsplit(text)
        sound = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port)
    except ValueError:
        sound = False
    if not sound:
        raise argparse.ArgumentTypeError("not an http(s) URL")
    return text.rstrip("/")


def _api_key(given: argparse.Namespace, in_force: Settings) -> str:
    """The key by which the node is asked. Raises `Failure`, which names files and services and never a key.

    In this order: the file, the named service, the first of the settings.
    """
    if given.key_file is not None:
        try:
            key = str(given.key_file.read_bytes().removeprefix(codecs.BOM_UTF8).decode("ascii")).strip()
        except (OSError, UnicodeDecodeError) as error:
            raise Failure(f"{given.key_file} cannot be read: {error}", 2) from error
        if not key or not key.isprintable() or " " in key:
            raise Failure(f"{given.key_file} does not hold an API key", 2)
        return key
    keys = in_force[KeySettings].api_keys
    if not keys:
        raise Failure(
            "there is no API key: give --key-file, or set BELLHOP_API_KEYS to what the gateway has", 2
        )
    if given.service is None:
        return next(iter(keys.values()))
    if given.service not in keys:
        raise Failure(f"BELLHOP_API_KEYS has no {given.service}; it has {', '.join(keys)}", 2)
    return keys[given.service]


def _internal_url(in_force: Settings) -> str:
    """Where the node of these settings listens on this machine."""
    site = in_force[SiteSettings]
    return places.url(places.near(site.internal_hosts[0]), site.internal_port)


def _connection(url: str) -> tuple[http.client.HTTPConnection, str]:
    """To the site, and the path that it stands under."""
    if places.is_unix(url):
        return UnixConnection(places.path_of(url), timeout=SECONDS), ""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return kind(parts.hostname or "", parts.port, timeout=SECONDS), parts.path


def _refusal(url: str, status: int, answer: str) -> str:
    """One sentence, from a problem as the gateway tells it or from whatever else has answered.

    Such as `refused: The request is not valid (422 validation_failed): to Must be …`.
    """
    try:
        problem = json.loads(answer)
        title, code, errors = problem["title"], problem["code"], problem.get("errors", {})
    except (ValueError, KeyError, TypeError):
        return f"{url} answered {status}, and not as a gateway does"
    # What is wrong with which field; else what is told of the whole.
    causes = [f"{name} {' '.join(texts)}".strip() for name, texts in errors.items()]
    causes = causes or [problem["detail"]] if causes or "detail" in problem else []
    return f"refused: {title} ({status} {code})" + (f": {' '.join(causes)}" if causes else "")
