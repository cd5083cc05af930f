"""SNS, as far as a gateway hears of it: messages that are really signed, and its host, which speaks HTTPS on loopback.

The names of AWS lead there by a resolver of the client's own, and its certificate is of an authority that the client is told of.
"""

import base64
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from tests.support.authority import Authority

HOST = "sns.eu-west-1.amazonaws.com"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:mail"
PATH = "/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem"
URL = f"https://{HOST}{PATH}"
_SIGNED = ("Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
_HASHES: dict[str, hashes.HashAlgorithm] = {"1": hashes.SHA1(), "2": hashes.SHA256()}
_PEM = serialization.Encoding.PEM


def _certificate(key: rsa.RSAPrivateKey, days: int) -> bytes:
    """One that the key has signed itself: that SNS gives it out is what makes it SNS's."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sns.amazonaws.com")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    certificate = builder.not_valid_before(now - timedelta(days=9)).not_valid_after(
        now + timedelta(days=days)
    )
    return certificate.sign(key, hashes.SHA256()).public_bytes(_PEM)


@dataclass(slots=True)
class Signer:
    """A key that messages are signed with, and its certificate."""

    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))
    days: int = 1
    """Until the certificate's end; it began nine days ago."""
    pem: bytes = b""

    def __post_init__(self) -> None:
        self.pem = _certificate(self.key, self.days)

    def sign(self, *, version: str = "1", **given: Any) -> dict[str, Any]:
        """A notification, with these members instead of the usual ones; None leaves one out."""
        members: dict[str, Any] = {
            "Type": "Notification",
            "MessageId": "165545c9-2a5c-472c-8df2-7ff2be2b3b1b",
            "TopicArn": TOPIC,
            "Message": "Hello",
            "Timestamp": "2025-11-26T10:00:00.000Z",
            "SignatureVersion": version,
            "SigningCertURL": URL,
        } | given
        members = {name: value for name, value in members.items() if value is not None}
        text = "".join(f"{name}\n{members[name]}\n" for name in _SIGNED if name in members)
        signature = self.key.sign(text.encode(), PKCS1v15(), _HASHES[version])
        return members | {"Signature": base64.b64encode(signature).decode()}

    def subscription(self, *, version: str = "2", **given: Any) -> dict[str, Any]:
        """What SNS posts first."""
        return self.sign(
            version=version,
            **{
                "Type": "SubscriptionConfirmation",
                "Token": "2336412f37fb687f5d51e6e2425e",
                # A trap: nobody is to follow what a message says.
                "SubscribeURL": "https://evil.example/?Action=ConfirmSubscription",
                "Message": "You have chosen to subscribe to the topic.",
            }
            | given,
        )


@dataclass(slots=True)
class Host:
    """The host of SNS: what it was asked, and what it answers."""

    signer: Signer
    port: int = 0
    authority: ssl.SSLContext | None = None
    asked: list[str] = field(default_factory=list)
    status: int = 200

    def session(self) -> aiohttp.ClientSession:
        """A client to which AWS is here."""
        connector = aiohttp.TCPConnector(resolver=_Here(self.port), ssl=self.authority or True)
        return aiohttp.ClientSession(connector=connector)

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(f"{request.host}{request.path_qs}")
        if self.status != 200:
            return web.Response(status=self.status, headers={"Location": URL})
        return web.Response(body=self.signer.pem)


class _Here(AbstractResolver):
    def __init__(self, port: int) -> None:
        self._port = port

    async def resolve(self, host: str, port: int = 0, family: Any = 0) -> list[ResolveResult]:
        del port
        place: Any = {
            "hostname": host, "host": "127.0.0.1", "port": self._port, "family": 2, "proto": 0, "flags": 0,
        }  # fmt: skip
        return [place]

    async def close(self) -> None:
        return


@asynccontextmanager
async def sns_host(folder: Path, *, name: str = HOST) -> AsyncIterator[Host]:
    """The host of SNS, under a certificate of this name."""
    authority = Authority.make(folder, name)
    here = Host(Signer())
    here.authority = ssl.create_default_context(cafile=authority.cafile)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", here.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=authority.server)
    await site.start()
    here.port = runner.addresses[0][1]
    try:
        yield here
    finally:
        await runner.cleanup()


def ses_event(kind: str, *, message_id: str, to: str, **given: Any) -> str:
    """What SES tells of a mail: the `Message` of a notification."""
    details: dict[str, Any] = {
        "Bounce": {
            "bounceType": "Permanent", "bounceSubType": "General", "feedbackId": "0100-f",
            "timestamp": "2025-11-26T10:00:00.000Z", "reportingMTA": "dns; email.example.com",
            "bouncedRecipients": [
                {
                    "emailAddress": to, "status": "5.1.1", "action": "failed",
                    "diagnosticCode": f"smtp; 550 5.1.1 <{to}>... User unknown",
                }
            ],
        },
        "Complaint": {
            "complainedRecipients": [{"emailAddress": to}], "complaintFeedbackType": "abuse", "feedbackId": "0100-f",
            "timestamp": "2025-11-26T10:00:00.000Z", "userAgent": "Yahoo!-Mail-Feedback/1.0",
        },
        "Delivery": {
            "timestamp": "2025-11-26T10:00:00.000Z", "processingTimeMillis": 546, "recipients": [to],
            "smtpResponse": "250 ok: Message 64111812 accepted", "reportingMTA": "a8-70.smtp-out.amazonses.com",
        },
        "DeliveryDelay": {
            "delayType": "MailboxFull", "expirationTime": "2025-11-27T10:00:00.000Z",
            "delayedRecipients": [{"emailAddress": to, "status": "4.2.2", "diagnosticCode": "smtp; 452 4.2.2 full"}],
        },
    }  # fmt: skip
    mail = {
        "timestamp": "2025-11-26T09:59:58.000Z", "source": "orders@shop.example", "messageId": message_id,
        "sendingAccountId": "123456789012", "destination": [to],
    } | given.pop("mail", {})  # fmt: skip
    member = kind[0].lower() + kind[1:]
    return json.dumps(
        {"notificationType": kind, "mail": mail, member: details.get(kind, {}) | given.pop(member, {})}
        | given
    )
