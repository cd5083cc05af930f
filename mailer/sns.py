"""Messages of Amazon SNS: that they are of a topic which is ours to hear, and signed by SNS.

A message says itself by which certificate it is signed. It is taken from nowhere but the host of SNS in the region of the topic, a
name that follows from the settings; and what confirms a subscription is asked there too, whatever address the message names.
"""

import base64
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from urllib.parse import quote, urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509 import Certificate, load_pem_x509_certificate

from mailer.telling import Unreadable

CERTIFICATE_BYTES = 64 * 1024
CERTIFICATES = 8
"""That are kept; SNS has one a region, and another now and then."""
FETCHES = 10
"""Within `FETCHES_SECONDS`: whoever names addresses of certificates cannot have us ask for many."""
FETCHES_SECONDS = 60.0
RSA_BITS_MIN = 2048
_TOPIC = re.compile(
    r"arn:(aws|aws-cn|aws-us-gov):sns:([a-z]{2}(?:-[a-z]{1,20}){1,3}-\d{1,2}):\d{12}:[A-Za-z0-9_-]{1,256}(?:\.fifo)?"
)
_CERTIFICATE_PATH = re.compile(r"/SimpleNotificationService-[A-Za-z0-9]{1,128}\.pem")
_HASHES: dict[str, hashes.HashAlgorithm] = {"1": hashes.SHA1(), "2": hashes.SHA256()}  # noqa: S303 - SNS chooses; a topic may be set to 2
_OF_SUBSCRIPTIONS = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
_SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": _OF_SUBSCRIPTIONS,
    "UnsubscribeConfirmation": _OF_SUBSCRIPTIONS,
}
"""What of a message is signed, by its type; a subject may be missing."""

FetchAtMost = Callable[[str, int], Awaitable[bytes]]
"""Gets at most so many bytes behind an address, over TLS that is checked, and follows no redirection. Any exception: it was not had."""


class SnsRefused(Exception):
    """It is of another topic, or not signed by SNS."""


class SnsUnreachable(Exception):
    """SNS could not be asked now; the message comes again."""


class MessageType(StrEnum):
    NOTIFICATION = "Notification"
    SUBSCRIBED = "SubscriptionConfirmation"
    UNSUBSCRIBED = "UnsubscribeConfirmation"


@dataclass(frozen=True, slots=True, kw_only=True)
class SnsTopic:
    """A topic, by its ARN."""

    arn: str
    host: str
    """Of SNS, for this topic."""

    @classmethod
    def of(cls, arn: str) -> "SnsTopic":
        """Raises ValueError for what is no ARN of a topic."""
        match = _TOPIC.fullmatch(arn)
        if match is None:
            raise ValueError("not the ARN of a topic, such as arn:aws:sns:eu-west-1:123456789012:mail")
        return cls(arn=arn, host=f"sns.{match[2]}.amazonaws.com{'.cn' if match[1] == 'aws-cn' else ''}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One that SNS has signed."""

    kind: MessageType
    topic: SnsTopic
    text: str = field(repr=False)
    token: str = field(repr=False)
    """By which a subscription is confirmed; empty in a notification."""


class Inspector:
    """Reads what is posted as SNS posts it, and knows the certificates.

    It keeps `CERTIFICATES` of them, by their addresses, for as long as they are valid. Its bound on fetches holds for
    all topics together.
    """

    def __init__(
        self,
        topics: Sequence[SnsTopic],
        fetch: FetchAtMost,
        *,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._topics = {topic.arn: topic for topic in topics}
        self._fetch = fetch
        self._clock = clock
        self._monotonic = monotonic
        self._certificates: OrderedDict[str, Certificate] = OrderedDict()
        self._fetched: list[float] = []
        """When, within the last `FETCHES_SECONDS`."""

    async def read(self, members: object) -> Message:
        """The message. Raises `Unreadable`, `SnsRefused` or `SnsUnreachable`.

        `members` is what the body's JSON says, whatever that is. Nothing is fetched for a message of another topic.
        """
        given = _texts(members)
        kind = given.get("Type", "")
        if kind not in _SIGNED:
            raise Unreadable("no message of SNS")
        topic = self._topics.get(given.get("TopicArn", ""))
        if topic is None:
            raise SnsRefused("it is of another topic")
        certificate = await self._certificate(given.get("SigningCertURL", ""), topic)
        _verify(given, certificate)
        return Message(
            kind=MessageType(kind), topic=topic, text=given["Message"], token=given.get("Token", "")
        )

    async def confirm(self, message: Message) -> None:
        """Have SNS know that we hear the topic from now on. Raises `SnsUnreachable`.

        Only for a message of `SUBSCRIBED` that `read` has answered. It may be done again.
        """
        # The address in the message is not asked: it would have us ask whatever somebody wrote there.
        asked = f"Action=ConfirmSubscription&TopicArn={quote(message.topic.arn, safe='')}&Token={quote(message.token, safe='')}"
        await self._ask(f"https://{message.topic.host}/?{asked}")

    async def _certificate(self, url: str, topic: SnsTopic) -> Certificate:
        if not _is_of(url, topic):
            raise SnsRefused("its certificate is not of SNS")
        certificate = self._certificates.get(url)
        if certificate is None:
            certificate = _loaded(await self._ask(url))
            self._certificates[url] = certificate
            while len(self._certificates) > CERTIFICATES:
                self._certificates.popitem(last=False)
        self._certificates.move_to_end(url)
        if not certificate.not_valid_before_utc <= self._clock() <= certificate.not_valid_after_utc:
            raise SnsRefused("its certificate is not valid now")
        return certificate

    async def _ask(self, url: str) -> bytes:
        now = self._monotonic()
        self._fetched = [then for then in self._fetched if then > now - FETCHES_SECONDS]
        if len(self._fetched) >= FETCHES:
            raise SnsUnreachable("SNS was asked too often")
        self._fetched.append(now)
        try:
            return await self._fetch(url, CERTIFICATE_BYTES)
        except Exception as error:
            raise SnsUnreachable(type(error).__name__) from error


def _texts(members: object) -> dict[str, str]:
    if not isinstance(members, dict):
        raise Unreadable("no message of SNS")
    return {name: value for name, value in members.items() if isinstance(value, str)}


def _is_of(url: str, topic: SnsTopic) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    # Compared whole: nothing beside host and path is there at all.
    return url == f"https://{topic.host}{parts.path}" and _CERTIFICATE_PATH.fullmatch(parts.path) is not None


def _loaded(pem: bytes) -> Certificate:
    try:
        return load_pem_x509_certificate(pem)
    except ValueError:
        raise SnsUnreachable("no certificate stands there") from None


def _verify(given: dict[str, str], certificate: Certificate) -> None:
    """Raise `SnsRefused` unless the certificate's key has signed the message, by the version that it names."""
    algorithm, key = _HASHES.get(given.get("SignatureVersion", "")), certificate.public_key()
    if algorithm is None:
        raise SnsRefused("its signature is of another version")
    if not isinstance(key, RSAPublicKey) or key.key_size < RSA_BITS_MIN:
        raise SnsRefused("its certificate is of another kind of key")
    try:
        signature = base64.b64decode(given.get("Signature", ""), validate=True)
        key.verify(signature, _signed(given), PKCS1v15(), algorithm)
    except (InvalidSignature, KeyError, ValueError):
        # A ValueError is of what is no base64, or cannot be written down.
        raise SnsRefused("its signature is wrong") from None


def _signed(given: dict[str, str]) -> bytes:
    """What is signed: the members of its type, one after the other, each by its name and as it is. Raises KeyError."""
    names = [name for name in _SIGNED[given["Type"]] if name != "Subject" or name in given]
    return "".join(f"{name}\n{given[name]}\n" for name in names).encode()
