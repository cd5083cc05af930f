"""Messages of SNS: heard from our topics alone, and only when SNS has signed them."""

from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from mailer import sns
from mailer.sns import Inspector, Message, MessageType, SnsRefused, SnsTopic, SnsUnreachable
from mailer.telling import Unreadable
from tests.support.dkim import ed25519_key
from tests.support.sns import HOST, TOPIC, URL, Signer

SIGNER = Signer()


class Place:
    """Where certificates are had, and what was asked there."""

    def __init__(self, signer: Signer = SIGNER) -> None:
        self.signer = signer
        self.asked: list[str] = []
        self.failure: Exception | None = None
        self.now = 0.0

    async def fetch(self, url: str, limit: int) -> bytes:
        self.asked.append(url)
        if self.failure is not None:
            raise self.failure
        return self.signer.pem[:limit]

    def inspector(self, *topics: str) -> Inspector:
        return Inspector(
            [SnsTopic.of(arn) for arn in topics or (TOPIC,)],
            self.fetch,
            clock=lambda: datetime.now(UTC),
            monotonic=lambda: self.now,
        )


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("subject", [None, "Amazon SES Email Event Notification"])
async def test_what_sns_has_signed_is_read(version: str, subject: str | None):
    place = Place()

    message = await place.inspector().read(
        SIGNER.sign(
            version=version, Subject=subject, Message='{"a": "Größe\\n"}', UnsubscribeURL="https://x/"
        )
    )

    assert message == Message(
        kind=MessageType.NOTIFICATION,
        topic=SnsTopic(arn=TOPIC, host=HOST),
        text='{"a": "Größe\\n"}',
        token="",
    )
    assert place.asked == [URL]
    assert "Größe" not in repr(message)


async def test_a_certificate_is_asked_for_once():
    place = Place()
    inspector = place.inspector()

    for number in range(3):
        await inspector.read(SIGNER.sign(Message=str(number)))

    assert place.asked == [URL]


@pytest.mark.parametrize(
    "changed",
    [
        {"Message": "Another"},
        {"Subject": "Another"},
        {"MessageId": "another"},
        {"Timestamp": "2027-01-01T00:00:00.000Z"},
        {"Signature": "bm90IGl0"},
        {"Signature": "no base64"},
        {"Signature": "ünd das auch nicht"},
        {"Signature": None},
        {"SignatureVersion": "2"},
        {"SignatureVersion": "3"},
        {"SignatureVersion": 1},
        {"Message": None},
        {"Message": {"a": 1}},
        {"Message": "half \ud800"},
        {"Type": "UnsubscribeConfirmation"},
    ],
    ids=str,
)
async def test_what_was_changed_on_the_way_is_refused(changed: dict[str, Any]):
    given = SIGNER.sign(version="1") | changed

    with pytest.raises(SnsRefused):
        await Place().inspector().read(given)


@pytest.mark.parametrize("version", ["1", "2"])
async def test_each_character_counts_of_what_is_signed(version: str):
    """Of the signature too, but for what base64 does not use of its last one."""
    inspector, given = Place().inspector(), SIGNER.sign(version=version, Subject="Bounce")
    assert await inspector.read(given)
    names = ("Message", "MessageId", "Subject", "Timestamp", "Signature")
    changes = [
        (name, at) for name in names for at in range(len(given[name].rstrip("=")) - (name == "Signature"))
    ]

    for name, at in changes:
        text = given[name]
        other = "A" if text[at] != "A" else "B"
        with pytest.raises(SnsRefused):
            await inspector.read(given | {name: text[:at] + other + text[at + 1 :]})

    assert len(changes) > 400


async def test_what_another_has_signed_is_refused():
    with pytest.raises(SnsRefused, match="signature"):
        await Place().inspector().read(Signer().sign())


@pytest.mark.parametrize(
    "url",
    [
        "",
        f"http://{HOST}{URL.rpartition('/')[2]}",
        URL.replace("https", "http"),
        URL.replace(HOST, "sns.eu-west-1.amazonaws.com.evil.example"),
        URL.replace(HOST, "evil.example"),
        # Anybody can put a file there.
        URL.replace(HOST, "s3.eu-west-1.amazonaws.com"),
        URL.replace(HOST, "sns.eu-west-1.amazonaws.com:8443"),
        URL.replace(HOST, "user@sns.eu-west-1.amazonaws.com"),
        URL.replace(HOST, "sns.us-east-1.amazonaws.com"),
        URL.replace(HOST, HOST.upper()),
        f"{URL}?x=1",
        f"{URL}#x",
        f"{URL}\n",
        f"https://{HOST}/bucket/SimpleNotificationService-0.pem",
        f"https://{HOST}/SimpleNotificationService-0.pem/../evil.pem",
        f"https://{HOST}/?Action=ConfirmSubscription",
        "https://[::1/SimpleNotificationService-0.pem",
    ],
)
async def test_a_certificate_of_another_place_is_not_even_asked_for(url: str):
    place = Place()

    with pytest.raises(SnsRefused, match="certificate"):
        await place.inspector().read(SIGNER.sign(SigningCertURL=url))

    assert place.asked == []


async def test_a_message_of_another_topic_is_refused_before_anything_is_asked():
    place = Place()

    for topic in (TOPIC + "2", TOPIC.upper(), "", None):
        with pytest.raises(SnsRefused, match="topic"):
            await place.inspector().read(SIGNER.sign(TopicArn=topic))

    assert place.asked == []


async def test_several_topics_are_heard_each_by_the_host_of_its_region():
    place, other = Place(), "arn:aws-cn:sns:cn-north-1:123456789012:other.fifo"
    inspector = place.inspector(TOPIC, other)
    url = URL.replace(HOST, "sns.cn-north-1.amazonaws.com.cn")

    message = await inspector.read(SIGNER.sign(TopicArn=other, SigningCertURL=url))

    assert message.topic.arn == other
    with pytest.raises(SnsRefused):
        await inspector.read(SIGNER.sign(TopicArn=TOPIC, SigningCertURL=url))


@pytest.mark.parametrize(
    "given", [None, [], "text", {}, {"Type": "Other"}, {"Type": 1}, {"notificationType": "Bounce"}]
)
async def test_what_is_no_message_of_sns_is_unreadable(given: Any):
    with pytest.raises(Unreadable):
        await Place().inspector().read(given)


async def test_a_certificate_that_has_ended_is_refused():
    signer = Signer(days=-1)

    with pytest.raises(SnsRefused, match="not valid now"):
        await Place(signer).inspector().read(signer.sign())


@pytest.mark.parametrize(
    "key", [ed25519_key(), rsa.generate_private_key(65537, 1024)], ids=["Ed25519", "short"]
)
async def test_a_certificate_of_another_kind_of_key_is_refused(key: Any):
    place = Place()
    place.signer = Signer()
    place.signer.pem = _pem_of(key)

    with pytest.raises(SnsRefused, match="kind of key"):
        await place.inspector().read(place.signer.sign())


def _pem_of(key: Any) -> bytes:
    from datetime import timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization

    name, now = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x")]), datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(1), now + timedelta(1))
    issuer = rsa.generate_private_key(65537, 2048)
    return builder.sign(issuer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


async def test_a_certificate_that_cannot_be_had_now_is_asked_for_again():
    place = Place()
    inspector = place.inspector()
    place.failure = OSError("away")
    with pytest.raises(SnsUnreachable):
        await inspector.read(SIGNER.sign())
    place.failure, place.signer = None, Signer(pem=b"")
    place.signer.pem = b"no certificate"
    with pytest.raises(SnsUnreachable):
        await inspector.read(SIGNER.sign())

    place.signer = SIGNER

    assert (await inspector.read(SIGNER.sign())).text == "Hello"
    assert len(place.asked) == 3


async def test_who_names_ever_other_certificates_cannot_have_us_ask_for_many():
    place = Place()
    inspector = place.inspector()
    place.failure = OSError("404")

    for number in range(3 * sns.FETCHES):
        with pytest.raises(SnsUnreachable):
            await inspector.read(SIGNER.sign(SigningCertURL=URL.replace(".pem", f"{number}.pem")))
    assert len(place.asked) == sns.FETCHES

    place.failure = None
    place.now += sns.FETCHES_SECONDS + 1
    await inspector.read(SIGNER.sign())
    assert len(place.asked) == sns.FETCHES + 1


async def test_only_so_many_certificates_are_kept():
    place = Place()
    inspector = place.inspector()
    urls = [URL.replace(".pem", f"{number}.pem") for number in range(sns.CERTIFICATES + 1)]
    for url in urls:
        await inspector.read(SIGNER.sign(SigningCertURL=url))
    place.now += sns.FETCHES_SECONDS + 1

    for url in (urls[-1], urls[0]):
        await inspector.read(SIGNER.sign(SigningCertURL=url))

    assert place.asked == [*urls, urls[0]]


@pytest.mark.parametrize("version", ["1", "2"])
async def test_a_subscription_is_confirmed_at_the_topics_own_host_whatever_address_it_names(version: str):
    place = Place()
    inspector = place.inspector()
    message = await inspector.read(SIGNER.subscription(version=version, Token="a b&c"))

    await inspector.confirm(message)

    assert message.kind is MessageType.SUBSCRIBED
    arn = "arn%3Aaws%3Asns%3Aeu-west-1%3A123456789012%3Amail"
    assert place.asked == [URL, f"https://{HOST}/?Action=ConfirmSubscription&TopicArn={arn}&Token=a%20b%26c"]


async def test_a_subscription_that_was_changed_is_refused():
    for changed in ({"Token": "x"}, {"SubscribeURL": "https://x/"}, {"Token": None}):
        with pytest.raises(SnsRefused):
            await Place().inspector().read(SIGNER.subscription() | changed)


async def test_a_subscription_that_cannot_be_confirmed_now_comes_again():
    place = Place()
    inspector = place.inspector()
    message = await inspector.read(SIGNER.subscription())
    place.failure = TimeoutError()

    with pytest.raises(SnsUnreachable, match="TimeoutError"):
        await inspector.confirm(message)


@pytest.mark.parametrize(
    "arn",
    [
        "",
        "mail",
        "arn:aws:sqs:eu-west-1:123456789012:mail",
        "arn:aws:sns:eu-west-1:123:mail",
        "arn:aws:sns:evil.example/:123456789012:mail",
        "arn:evil:sns:eu-west-1:123456789012:mail",
        "arn:aws:sns:eu-west-1:123456789012:a b",
        f"{TOPIC}\n",
    ],
)
def test_what_is_no_topic_is_told(arn: str):
    with pytest.raises(ValueError, match="ARN of a topic"):
        SnsTopic.of(arn)


def test_the_host_follows_from_the_topic():
    hosts = {
        "arn:aws:sns:us-east-1:123456789012:a": "sns.us-east-1.amazonaws.com",
        "arn:aws-us-gov:sns:us-gov-west-1:123456789012:a": "sns.us-gov-west-1.amazonaws.com",
        "arn:aws-cn:sns:cn-northwest-1:123456789012:a": "sns.cn-northwest-1.amazonaws.com.cn",
        "arn:aws:sns:ap-southeast-2:123456789012:a": "sns.ap-southeast-2.amazonaws.com",
    }
    assert {arn: SnsTopic.of(arn).host for arn in hosts} == hosts
