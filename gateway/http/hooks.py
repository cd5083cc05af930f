"""Where providers post what became of mail: `/hooks/ses` and `/hooks/postmark` of the public site, which they can reach.

The same stands below `/internal/mail/reports` of the internal site, for who has a way there of their own.

Anybody can. What SES tells is signed by SNS, and what Postmark tells comes with a password. It is answered once it is dealt with;
what is answered with 503 comes again.

It stands on the public site since providers come from outside. It reads the provider's message by `mailer`,
and leaves what follows from it to `gateway.notify.returns`. A provider that is not set has no route.
"""

import asyncio
import base64
import hmac
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus

import aiohttp
from aiohttp import web

from gateway.ground.clock import Clock
from gateway.ground.fetching import up_to
from gateway.ground.parts import Part
from gateway.http import edge, reading
from gateway.mail.provider_settings import ProviderSettings
from gateway.notify.returns.reports import Returns
from gateway.protocol import returns as shapes
from gateway.protocol.problems import Problem
from mailer import postmark, ses, sns
from mailer.reports import Report
from mailer.telling import Unreadable

SES, POSTMARK = "ses", "postmark"
"""The providers' names, which stand as the source of what they have suppressed."""
BODY_BYTES = 1024 * 1024
"""A message of SNS has a quarter of that, with its quotes escaped. Postmark may send the mail's own text along."""
FETCH_SECONDS = 5.0
"""For a certificate or a confirmation at SNS; SNS waits fifteen for our answer."""
AT_ONCE = 64
"""Bodies that are read of whom nobody knows; others are to come again. Only for SES, where who speaks is known
when the body was read.
"""
CREDENTIALS_CHARACTERS = 1024
"""Of an `Authorization` that is looked at."""
REALM = {"WWW-Authenticate": 'Basic realm="bellhop"'}
"""With it a client asks for the password that it has left out."""
IGNORED = {"fate": "ignored", "mail": None, "suppressed": False}
"""What is answered to a message that says nothing of a mail: a provider that got an error would send it again."""

logger = logging.getLogger(__name__)


class ProviderHooks(Part):
    """The addresses of the providers that are set.

    One for a node, made where a provider is set. It keeps no message: what was not dealt with is answered so
    that the provider sends it again, and hearing it twice changes nothing.
    """

    def __init__(self, settings: ProviderSettings, returns: Returns, *, clock: Clock) -> None:
        self._returns = returns
        self._topics = [sns.SnsTopic.of(arn) for arn in settings.ses_topics]
        """Of SNS; those that the operator has named, and no others, may tell anything."""
        self._secrets = [secret.encode() for secret in settings.postmark_secrets]
        # Called at the start, on the loop; a session of aiohttp cannot be made outside of one.
        self.session: Callable[[], aiohttp.ClientSession] = aiohttp.ClientSession
        """What SNS is asked with."""
        self._http: aiohttp.ClientSession | None = None
        """There from the start to the stop."""
        self._inspector = sns.Inspector(self._topics, self._get, clock=clock)
        self._places = asyncio.Semaphore(AT_ONCE)

    def public_routes(self) -> Sequence[web.AbstractRouteDef]:
        """The addresses of those providers that are set; there are no others."""
        return self._below("/hooks")

    def internal_routes(self) -> Sequence[web.AbstractRouteDef]:
        """The same, for a provider or a relay that reaches the internal site."""
        return self._below("/internal/mail/reports")

    def _below(self, path: str) -> Sequence[web.AbstractRouteDef]:
        """The addresses below a path."""
        return [
            *([web.post(f"{path}/ses", self._hear_ses)] if self._topics else []),
            *([web.post(f"{path}/postmark", self._hear_postmark)] if self._secrets else []),
        ]

    def start(self) -> None:
        self._http = self.session()

    async def stop(self) -> None:
        assert self._http is not None
        await self._http.close()

    # Amazon SES

    async def _hear_ses(self, request: web.Request) -> web.Response:
        """Take a message of SNS: a notification of SES, or a topic's question whether it may come here.

        Raises `Problem`: 403 for one that is not signed by SNS for a topic of ours, 503 while the certificate
        cannot be had.
        """
        with _told():
            # SNS says text/plain, whatever it sends.
            message = await self._inspector.read(reading.json_of(await self._bounded(request)))
            if message.kind is sns.MessageType.NOTIFICATION:
                raw = message.text.encode(errors="replace")
                return await self._heard(SES, lambda: ses.read(message.text), raw)
            await self._turned(message)
        return edge.json_response(IGNORED)

    async def _turned(self, message: sns.Message) -> None:
        """Somebody has subscribed this address to the topic, or ended that.

        A subscription is confirmed only for topics that the operator has named; the inspector has checked
        that. Raises `sns.SnsUnreachable`.
        """
        extra = {"topic": message.topic.arn}
        if message.kind is sns.MessageType.SUBSCRIBED:
            await self._inspector.confirm(message)
            logger.info("topic subscribed", extra=extra)
        else:
            logger.warning("topic unsubscribed: nothing more is heard of it", extra=extra)

    async def _bounded(self, request: web.Request) -> bytes:
        """The body, while not too many others are read: whoever it is of.

        Raises `Problem` `unavailable` beyond `AT_ONCE`: SNS tries again.
        """
        if self._places.locked():
            raise Problem("unavailable", "Too many at once.", headers={"Retry-After": "5"})
        async with self._places:
            return await reading.read_body(request, limit=BODY_BYTES)

    # Postmark

    async def _hear_postmark(self, request: web.Request) -> web.Response:
        """Take a message of Postmark, if it comes with the password."""
        # Before the body is read: who may not tell cannot make us read it.
        self._admit(request.headers.get("Authorization", ""))
        body = await reading.read_body(request, limit=BODY_BYTES)
        with _told():
            return await self._heard(POSTMARK, lambda: postmark.read(body), body)

    def _admit(self, authorization: str) -> None:
        """Raises Problem for who does not have the password; the user's name is all the same.

        Several passwords may hold at once, so that one can be changed without a gap.
        """
        scheme, _, credentials = authorization[:CREDENTIALS_CHARACTERS].partition(" ")
        try:
            given = base64.b64decode(credentials.strip(), validate=True).partition(b":")[2]
        except ValueError:
            given = b""
        # Each is compared, in a time that does not tell how much of it was right.
        right = [hmac.compare_digest(given, secret) for secret in self._secrets]
        if scheme.lower() != "basic" or not any(right):
            raise Problem("unauthorized", "The password is wrong.", headers=REALM)

    # Both

    async def _heard(self, provider: str, read: Callable[[], Report | None], raw: bytes) -> web.Response:
        """Read a report, have it dealt with, and answer what came of it. `read` gives None for an event that
        says nothing of a mail.
        """
        # Beside the loop: it may be long.
        report = await asyncio.to_thread(read)
        if report is None:
            return edge.json_response(IGNORED)
        dealt = await self._returns.hear_provider(report, provider=provider, raw=raw)
        return edge.json_response(shapes.dealt(dealt))

    async def _get(self, url: str, limit: int) -> bytes:
        """The body behind a URL, `limit` bytes at most. Raises `OSError` for more, and for any status but 200.

        No redirects: the inspector has judged this very URL to be one of Amazon's.

        A status of 400 or more is an `aiohttp.ClientResponseError`.
        """
        assert self._http is not None
        async with self._http.get(
            url, timeout=aiohttp.ClientTimeout(FETCH_SECONDS), allow_redirects=False, raise_for_status=True
        ) as answer:
            if answer.status != HTTPStatus.OK:
                raise OSError(f"answered {answer.status}")
            body = await up_to(answer.content, limit)
            if len(body) > limit:
                raise OSError("answered too much")
            return body


@contextmanager
def _told() -> Iterator[None]:
    """Say what was wrong with a message, and log what an operator should know.

    It turns what `mailer` raises into problems. SNS tries again after a 503, and not after a 4xx.
    """
    try:
        yield
    except Unreadable as error:
        raise Problem("bad_request", f"It is {error}.") from None
    except sns.SnsRefused as error:
        logger.warning("message of SNS refused", extra={"reason": str(error)})
        raise Problem("forbidden", f"It is not heard: {error}.") from None
    except sns.SnsUnreachable as error:
        logger.warning("SNS could not be asked", extra={"error": str(error)})
        raise Problem("unavailable", "SNS could not be asked.", headers={"Retry-After": "20"}) from None
