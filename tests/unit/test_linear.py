"""Everything that looks at a stranger's bytes does so in linear time (CWE-1333).

Each way in is given texts that make backtracking, rescanning and copying show: 8 KB may take at most two and a half times what
4 KB take. Only the processor's time of this process counts, and the least of several runs.
"""

import base64
import gc
import json
import re
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from heapq import nlargest
from ipaddress import ip_network
from typing import Any

import pytest
import socketio
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from aiosmtplib import SMTPResponseException
from yarl import URL

from auth.claims import email_of, name_of
from auth.errors import AuthError
from auth.keys import Keys
from auth.principal import is_topic, is_user_id
from auth.published import published_keys
from auth.services import Services
from auth.tokens import Verifier
from gateway.engine import answers, handshake
from gateway.engine.admission import AddressRate, client_address, neighbourhood
from gateway.engine.bodies import BodyError, _Inflater, coding_of
from gateway.engine.frames import FrameError, FrameReader
from gateway.ground import logs
from gateway.ground.origins import Origins
from gateway.ground.rooms import is_room
from gateway.http import coding, reading, static
from gateway.protocol import emit, emit_rules
from gateway.protocol.asking import connecting
from gateway.protocol.asking.basics import IdsSchema
from gateway.protocol.asking.inbox import HistorySchema
from gateway.protocol.asking.mail import MailSchema
from gateway.protocol.asking.users import DisconnectSchema, RosterSchema, UserSchema
from gateway.protocol.campaign_rows import CsvRows, RowSplitter
from gateway.protocol.parsing import Invalid, parser
from gateway.protocol.problems import Problem
from gateway.protocol.queries import in_query
from gateway.protocol.soundness import unsound
from mailer import address, plain, postmark, relay_ids, replies, reports, ses, sns
from mailer.envelope import ReturnPath
from mailer.mailbox import account_of
from storage.encoding import position_of
from storage.errors import InvalidCursor
from tests.support.rawsocket import masked

FEW, MANY = 4096, 8192
RATIO = 2.5
NOISE_SECONDS = 200e-6
"""What takes less than this for 8 KB is not worth measuring; ten such requests are one millisecond."""
ROUNDS = (3, 20, 20, 60, 60, 60)
SUSPECTS = 5

pytestmark = pytest.mark.alone

PATTERNS = [
    " ", "a", "1", "-", ".", ",", ";", ":", "=", "/", "\\", '"', "@", "%", "&", "(", "[", "é", "\n", "\r\n",
    "a ", "a,", "a;", "a:", "a@", "a&", "&a=", "%41", "10.0.0.1,", "[::1],", '\\"', '"",', "\r\n ", "a: b\r\n", "a:   \r\n",
]  # fmt: skip
"""What the text consists of; each also with a beginning that leads on, and with an end that spoils the match."""
BEGINNINGS = ["", 'a="', "https://a"]
ENDS = ["", "!", "\0"]


history = parser(HistorySchema())
ids = parser(IdsSchema())
user = parser(UserSchema())
roster = parser(RosterSchema())
disconnect = parser(DisconnectSchema())
history_of_a_query = parser(in_query(HistorySchema)())
mail_of_a_query = parser(in_query(MailSchema)())


def texts(size: int) -> list[str]:
    return [
        beginning + pattern * ((size - len(beginning) - len(end)) // len(pattern)) + end
        for pattern in PATTERNS
        for beginning in BEGINNINGS
        for end in ENDS
    ]


CORPUS = list(zip(texts(FEW), texts(MANY), strict=True))


def raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


VERIFIER = Verifier(Keys.of(secrets=["a-secret-of-the-tests-that-is-long-enough"]))
SERVICES = Services({"shop": "an-api-key-of-the-tests-long-enough"}, VERIFIER)
TRUSTED = (ip_network("10.0.0.0/8"), ip_network("::1"))
USUAL = (
    b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)
ORIGINS = Origins(("https://shop.example", "https://*.shop.example"))
ASKED = make_mocked_request("POST", "/")
EMIT: dict[str, Any] = {"to": "user:ann", "type": "T", "title": "x"}


def run(work: Any) -> None:
    """Run what does not wait for anything."""
    with suppress(StopIteration):
        work.send(None)
        raise AssertionError("it waits")


def request(query: str = "", **headers: str) -> web.Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return ASKED.clone(headers=named, rel_url=URL.build(path="/", query_string=query, encoded=True))


def emitted(field: str) -> Callable[[str], Any]:
    return lambda text: emit.parse({**EMIT, field: text})


def framed(text: str) -> None:
    """A message that comes byte by byte."""
    reader = FrameReader(0)
    for byte in masked(0x81, raw(text)):
        list(reader.feed(bytes((byte,))))


def fragmented(text: str) -> None:
    """A message in as many fragments as it has bytes."""
    reader = FrameReader(0)
    data = raw(text)
    first = masked(0x01, data[:1])
    list(reader.feed(first + b"".join(masked(0x00, bytes((byte,))) for byte in data[1:])))


def inflated(text: str) -> None:
    """A compressed body that comes byte by byte."""
    inflater = _Inflater("gzip")
    packer = zlib.compressobj(0, zlib.DEFLATED, 31)
    for byte in packer.compress(raw(text)) + packer.flush():
        list(inflater.steps(bytes((byte,))))


def packet(text: str) -> None:
    socketio.packet.Packet(encoded_packet=text)


def token(text: str) -> None:
    run(VERIFIER.verify(text))


def relay_said(text: str) -> None:
    replies._reason("RCPT", SMTPResponseException(550, text))


REPORT = b"Content-Type: multipart/report; boundary=b\n\n--b\n"
STATUS = b"Content-Type: message/delivery-status\n\nA: b\n\n"
CODED = b"Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n"
RETURN_PATH = ReturnPath(domain="bounces.shop.example", secrets=("s" * 32,))


SNS_HOST, TOPIC = "sns.eu-west-1.amazonaws.com", "arn:aws:sns:eu-west-1:123456789012:mail"
SNS = {"Type": "Notification", "TopicArn": TOPIC}


async def no_certificate(url: str, limit: int) -> bytes:
    raise OSError(url, limit)


INSPECTOR = sns.Inspector([sns.SnsTopic.of(TOPIC)], no_certificate, clock=lambda: datetime.now(UTC))


def told(text: str) -> dict[str, Any]:
    """What a provider may say, with this text wherever one stands."""
    mail = {
        "messageId": text,
        "source": text,
        "timestamp": text,
        "destination": [text],
        "headers": [{"name": "Message-ID", "value": text}],
    }
    recipient = {"emailAddress": text, "status": text, "diagnosticCode": text, "action": text}
    return {
        "notificationType": "Bounce", "mail": mail, "bounce": {"bounceType": text, "bouncedRecipients": [recipient]},
        "RecordType": "Bounce", "Type": "HardBounce", "Details": text, "MessageID": text, "Email": text, "BouncedAt": text,
    }  # fmt: skip


WAYS: dict[str, Callable[[str], Any]] = {
    # The first bytes of a connection
    "head": lambda text: handshake.read(raw(text)),
    "head, first line": lambda text: handshake.read(b"GET /" + raw(text) + USUAL[4:] + b"\r\n"),
    "head, query": lambda text: handshake.read(USUAL.replace(b"EIO=4", raw(text)) + b"\r\n"),
    "head, a name": lambda text: handshake.read(USUAL + raw(text) + b": x\r\n\r\n"),
    "head, a value": lambda text: handshake.read(USUAL + b"X: a" + raw(text) + b"b\r\n\r\n"),
    "head, connection": lambda text: handshake.read(USUAL.replace(b"n: Upg", b"n: " + raw(text) + b",Upg") + b"\r\n"),
    "head, key": lambda text: handshake.read(USUAL.replace(b"AAAA", raw(text), 1) + b"\r\n"),
    "head, protocol": lambda text: handshake.read(USUAL + b"Sec-WebSocket-Protocol: " + raw(text) + b"\r\n\r\n"),
    "head, origin": lambda text: handshake.read(USUAL + b"Origin: " + raw(text) + b"\r\n\r\n"),
    "query": answers.asked,
    "origin": lambda text: ORIGINS.allow(text, text),
    "origin, its host": lambda text: ORIGINS.allow("https://" + text, text),
    "origin, refused": lambda text: ORIGINS.refuse("https://" + text, text),
    "forwarded": lambda text: client_address("10.0.0.1", text, TRUSTED),
    "address": lambda text: client_address(text, text, TRUSTED),
    "neighbourhood": neighbourhood,
    "rate": lambda text: AddressRate(rate=1, burst=1).admit(text[:100], now=0),
    # HTTP
    "request id": logs.accepted_request_id,
    "log word": logs._word,
    "content encoding": lambda text: coding_of(request(Content_Encoding=text)),
    "media type": lambda text: run(reading.read_json_text(request(Content_Type="a/b" + text), limit=1)),
    "parameters": lambda text: reading.parameters(request(text).query),
    "if-none-match": lambda text: static._is_known(request(If_None_Match=text), '"x"'),
    "accept-encoding": coding.prefers_gzip,
    "if-modified-since": lambda text: request(If_Modified_Since=text).if_modified_since,
    "range": lambda text: static._PART.fullmatch("bytes=" + text),
    "service": lambda text: run(SERVICES.authenticate(text)),
    "service, a token": lambda text: run(SERVICES.authenticate("Bearer " + text)),
    "idempotency key": lambda text: emit.parse(EMIT, idempotency_key=text),
    "JSON": lambda text: reading.json_of(raw(text)),
    "JSON, a text": lambda text: reading.json_of(json.dumps(text).encode()),
    "gzip": inflated,
    # Tokens
    "token": token,
    "token, header": lambda text: token(base64.urlsafe_b64encode(raw(text)).decode() + ".e30.x"),
    "token, payload": lambda text: token("eyJhbGciOiJIUzI1NiJ9." + text + ".x"),
    "token, dots": lambda text: token("eyJhbGciOiJIUzI1NiJ9" + text.replace("a", ".")),
    "email claim": email_of,
    "name claim": name_of,
    "key set": lambda text: published_keys(raw(text)),
    # Names
    "user": is_user_id,
    "user of a path": lambda text: user({"user": text}),
    "topic": is_topic,
    "room": is_room,
    "cursor": position_of,
    "cursor, digits": lambda text: position_of("1" * len(text) + "~" + text),
    # What is asked
    **{f"emit, {field}": emitted(field) for field in ("to", "type", "title", "body", "link", "event", "email", "data", "in_app")},
    "emit, a long body": lambda text: emit.parse({**EMIT, "body": text[: emit_rules.BODY_MAX]}),
    "emit, link": lambda text: emit.parse({**EMIT, "link": ("https://" + text)[: emit_rules.LINK_MAX]}),
    "emit, address": lambda text: emit.parse({**EMIT, "email": {"to": text[:254]}}),
    "emit, any address": lambda text: emit.parse({**EMIT, "email": {"to": text}}),
    "emit, data": lambda text: emit.parse({**EMIT, "data": dict.fromkeys(text.split(","), text[:10])}),
    "emit, fields": lambda text: emit.parse(dict.fromkeys(text.split(","), 1)),
    "data": lambda text: unsound({"a": [text] * 3}, 8),
    "history": lambda text: history({"before": text}),
    "history, types": lambda text: history({"type": text.split(",")}),
    "history of a query": lambda text: history_of_a_query({"limit": text, "unread": text}),
    "roster": lambda text: roster({"prefix": text, "after": text}),
    "mail": lambda text: mail_of_a_query({"state": text, "before": text}),
    "ids": lambda text: ids({"ids": [text, text]}),
    "since": lambda text: connecting.since({text: 1}, ["all"]),
    "reason": lambda text: disconnect({"user": "ann", "reason": text}),
    "a new token": lambda text: connecting.token({"token": text}),
    # Packets
    "packet": packet,
    "packet, id": lambda text: packet("2" + "1" * 90 + text),
    "packet, namespace": lambda text: packet("2/" + text),
    "packet, attachments": lambda text: packet("5" + "1" * 9 + "-" + text),
    "packet, JSON": lambda text: packet("2" + json.dumps(["a", text, {text: text}])),
    "packet, number": lambda text: packet("2[" + "1" * len(text) + ".5]"),
    "packet, exponent": lambda text: packet("2[1e" + "0" * len(text) + "1]"),
    "packet, brackets": lambda text: packet("2" + "[" * len(text)),
    "packet, objects": lambda text: packet("2" + '{"a":' * (len(text) // 5)),
    "frame": framed,
    "fragments": fragmented,
    # What servers of others say
    "relay": relay_said,
    "report": lambda text: reports.read(raw(text)),
    "report, its head": lambda text: reports.read(b"Subject: x\r\nTo: " + raw(text) + b"\r\n\r\n"),
    "report, its type": lambda text: reports.read(b"Content-Type: multipart/report; boundary=" + raw(text) + b"\n\n"),
    "report, its parts": lambda text: reports.read(REPORT + raw(text)),
    "report, a block": lambda text: reports.read(REPORT + STATUS + raw(text)),
    "report, an action": lambda text: reports.read(REPORT + STATUS + b"Action: failed" + raw(text) + b"\n"),
    "report, a status": lambda text: reports.read(REPORT + STATUS + b"Action: failed\nStatus: 5.1" + raw(text)),
    "report, a recipient": lambda text: reports.read(REPORT + STATUS + b"Action: failed\nFinal-Recipient: " + raw(text)),
    "report, what it sends back": lambda text: reports.read(REPORT + b"Content-Type: message/rfc822\n\n" + raw(text)),
    "report, in base64": lambda text: reports.read(REPORT + CODED + base64.encodebytes(raw(text))),
    "where a mail came back to": RETURN_PATH.obligation,
    "what a relay said": relay_ids.key_of,
    "a relay's id": relay_ids.is_unguessable,
    "event of SES": ses.read,
    "event of SES, a text": lambda text: ses.read(json.dumps(told(text))),
    "event of Postmark": lambda text: postmark.read(raw(text)),
    "event of Postmark, a text": lambda text: postmark.read(json.dumps(told(text)).encode()),
    "message of SNS": lambda text: run(INSPECTOR.read({"Type": text, "TopicArn": text})),
    "message of SNS, its certificate": lambda text: run(INSPECTOR.read(SNS | {"SigningCertURL": text})),
    "message of SNS, a path": lambda text: run(INSPECTOR.read(SNS | {"SigningCertURL": f"https://{SNS_HOST}/{text}"})),
    "mailbox": account_of,
    "mailbox, its query": lambda text: account_of(f"imaps://u:p@h/?done={text}"),
    "address to compare": address.compared,
    "line of a mail": lambda text: plain.line(text, longest=200),
    "paragraphs of a mail": plain.paragraphs,
    # Recipients of a campaign
    "import": lambda text: RowSplitter(quoted=False).take(raw(text)),
    "import, quoted": lambda text: RowSplitter(quoted=True).take(b'"' + raw(text)),
    "import, lines of what is quoted": lambda text: RowSplitter(quoted=True).take(b'"' + raw("\n".join(text))),
    "import, a row of CSV": lambda text: CsvRows().row(1, raw(text)),
}  # fmt: skip

SPOILED = (ValueError, TypeError, LookupError, AttributeError, RecursionError)
"""What ways in may make of a text, beside their own errors; each is answered by who calls them."""
OWN = (
    Invalid, Problem, BodyError, InvalidCursor, AuthError, FrameError, sns.SnsRefused, sns.SnsUnreachable, zlib.error,
)  # fmt: skip

SLOW = {"frame", "fragments", "gzip"}
"""A call for each byte: the same for every text, so a few will do."""


def seconds(way: Callable[[str], Any], text: str, runs: int) -> float:
    """The least time that it took."""
    least = float("inf")
    # The collector would come in the middle of one, for what others have left.
    gc.disable()
    try:
        for _ in range(runs):
            before = time.process_time()
            with suppress(*SPOILED, *OWN):
                way(text)
            least = min(least, time.process_time() - before)
    finally:
        gc.enable()
    return least


def worst(way: Callable[[str], Any], few: str, many: str) -> float:
    """How much longer the longer text took."""
    if seconds(way, many, 1) < NOISE_SECONDS:
        return 1
    ratio = float("inf")
    # Something else may have had the processor: measured until it is right, or plainly is not.
    for runs in ROUNDS:
        took = [seconds(way, text, runs) for text in (many, few)]
        ratio = min(ratio, took[0] / max(took[1], NOISE_SECONDS / 4))
        if ratio <= RATIO:
            break
    return ratio


@pytest.mark.parametrize("name", WAYS)
def test_twice_as_many_bytes_take_twice_as_long(name):
    way = WAYS[name]
    corpus = CORPUS[:: len(BEGINNINGS) * len(ENDS) * 8] if name in SLOW else CORPUS

    # What takes long once may be what takes too long.
    suspects = nlargest(SUSPECTS, corpus, key=lambda pair: seconds(way, pair[1], 1))

    for few, many in suspects:
        assert worst(way, few, many) <= RATIO, (few[:20], many[-20:])


@pytest.mark.parametrize(
    "way",
    [
        lambda text: re.match(rb"([^:]+):[ \t]*([^\r]*?)[ \t]*\r\n", b"X: a" + raw(text)),
        lambda text: re.sub(r"\S+@\S+", "", text),
        lambda text: sum(len(text[:at]) and hash(text[:at]) & 0 for at in range(len(text))),
    ],
    ids=["a backtracking pattern", "a pattern that begins anew", "a copy for each byte"],
)
def test_what_is_not_linear_is_seen(way):
    assert any(
        seconds(way, each * (MANY // 2), 1) / seconds(way, each * (FEW // 2), 2) > RATIO
        for each in (" ", "a", " ", "a", " ", "a")
    )
