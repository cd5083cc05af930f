"""What providers post: through the public site, signed by SNS or with Postmark's password, to the mail and its address."""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.http import hooks
from tests.journeys.test_mailing import mail_in, until
from tests.journeys.test_returns import listed, metric, sent
from tests.support.gateway import Answered, Gateway, gateway
from tests.support.smtp import SMTPRelay
from tests.support.sns import HOST, TOPIC, URL, Host, Signer, ses_event, sns_host

SECRET = "a-password-of-postmark-in-the-tests"
SES_ID = "0102018b2f7d4c2a-3a1f9d6e-4b5c-4d7e-9f01-23456789abcd-000000"
ANN = "ann@dest.example"


@asynccontextmanager
async def hearing(folder: Path, host: Host, **settings: str) -> AsyncIterator[Gateway]:
    """A gateway that hears the topic, and to which AWS is on loopback."""

    def extend(node: Any) -> None:
        node.sites.hooks.session = host.session

    async with gateway(folder, extend=extend, SES_TOPICS=TOPIC, **settings) as here:
        yield here


async def post(here: Gateway, path: str, body: Any, **headers: str) -> Answered:
    """As a provider posts: with what headers it likes, and no key of ours."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {"Content-Type": "text/plain; charset=UTF-8"} | headers
    return await here.request("POST", here.public + path, raw=raw, headers=named)


def basic(password: str, user: str = "bellhop") -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize("version", ["1", "2"])
async def test_what_ses_tells_of_a_mail_becomes_of_it(tmp_path: Path, version: str):
    """From the relay's closing text to the address that is not written to any more."""
    async with (
        SMTPRelay() as relay,
        sns_host(tmp_path / "aws") as aws,
        hearing(tmp_path, aws, MAIL_URL=relay.url(query="starttls=never")) as here,
    ):
        # SES gives the mail another Message-ID, and says this one as it takes it.
        relay.closing = f"Ok {SES_ID}"
        id_ = await sent(here, ANN)
        assert (await mail_in(here, id_, "sent"))["relay_id"] == f"Ok {SES_ID}"
        event = ses_event("Delivery", message_id=SES_ID, to=ANN)
        bounce = ses_event("Bounce", message_id=SES_ID, to=ANN)

        confirmed = await post(here, "/hooks/ses", aws.signer.subscription(version=version))
        delivered = await post(here, "/hooks/ses", aws.signer.sign(version=version, Message=event))
        assert (await mail_in(here, id_, "delivered"))["state"] == "delivered"
        bounced = await post(here, "/hooks/ses", aws.signer.sign(version=version, Message=bounce))
        again = await post(here, "/hooks/ses", aws.signer.sign(version=version, Message=bounce))

        assert [each.status for each in (confirmed, delivered, bounced, again)] == [200] * 4
        assert delivered.body == {"fate": "delivered", "mail": id_, "suppressed": False}
        assert bounced.body == {"fate": "bounced", "mail": id_, "suppressed": True}
        assert again.body == {"fate": "noted", "mail": id_, "suppressed": False}
        assert await listed(here) == [(ANN, "hard_bounce", "ses")]
        assert str((await mail_in(here, id_, "bounced"))["reason"]).startswith("came back: 5.1.1")
        # The certificate once, and the confirmation where SNS is, not where the message said.
        asked = f"{HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC.replace(':', '%3A')}&Token="
        assert aws.asked[0] == URL.removeprefix("https://")
        assert [
            each.startswith(asked) or each.replace(":", "%3A").startswith(asked) for each in aws.asked[1:]
        ] == [True]
        assert await metric(here, 'bellhop_mail_returned_total{fate="bounced",lane="transactional"} 1.0')


async def test_what_ses_withholds_came_back_and_nobody_has_complained_of_it(tmp_path: Path):
    """Who has called one mail spam is sent nothing more by SES: a receipt since then is no receipt called spam."""
    async with (
        SMTPRelay() as relay,
        sns_host(tmp_path / "aws") as aws,
        hearing(tmp_path, aws, MAIL_URL=relay.url(query="starttls=never")) as here,
    ):
        relay.closing = f"Ok {SES_ID}"
        id_ = await sent(here, ANN)
        await mail_in(here, id_, "sent")
        withheld = {"complaintSubType": "OnAccountSuppressionList", "complaintFeedbackType": None}
        event = ses_event("Complaint", message_id=SES_ID, to=ANN, complaint=withheld)

        told = await post(here, "/hooks/ses", aws.signer.sign(Message=event))

        assert told.body == {"fate": "bounced", "mail": id_, "suppressed": True}
        assert (await mail_in(here, id_, "bounced"))["state"] == "bounced"
        assert await listed(here) == [(ANN, "hard_bounce", "ses")]


async def test_what_sns_has_not_signed_or_of_another_topic_changes_nothing(tmp_path: Path):
    async with sns_host(tmp_path / "aws") as aws, hearing(tmp_path, aws) as here:
        id_ = await sent(here, ANN)
        headers = [{"name": "Message-ID", "value": f"<{id_}@localhost>"}]
        bounce = ses_event("Bounce", message_id=SES_ID, to=ANN, mail={"headers": headers})
        forged = [
            Signer().sign(Message=bounce),
            aws.signer.sign(Message="{}") | {"Message": bounce},
            aws.signer.sign(Message=bounce, TopicArn=TOPIC + "2"),
            aws.signer.sign(
                Message=bounce, SigningCertURL="https://s3.amazonaws.com/evil/SimpleNotificationService-0.pem"
            ),
            aws.signer.subscription(TopicArn=TOPIC + "2"),
        ]

        answers = [await post(here, "/hooks/ses", each) for each in forged]

        assert [(each.status, each.body["code"]) for each in answers] == [(403, "forbidden")] * len(forged)
        assert aws.asked == [URL.removeprefix("https://")]
        assert (await mail_in(here, id_, "sent"))["state"] == "sent"
        assert await listed(here) == []
        assert (await post(here, "/hooks/ses", aws.signer.sign(Message=bounce))).body["fate"] == "bounced"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "invalid_json"),
        (b"\xff", 400, "invalid_json"),
        ([], 400, "bad_request"),
        # As SNS posts it when raw delivery is on: unsigned.
        (json.loads(ses_event("Bounce", message_id=SES_ID, to=ANN)), 400, "bad_request"),
        (b"[" * 500_000, 400, "invalid_json"),
        (b" " * (hooks.BODY_BYTES + 1), 413, "too_large"),
    ],
    ids=["empty", "no text", "a list", "raw delivery", "deep", "long"],
)
@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
async def test_what_is_no_message_is_refused(tmp_path: Path, body: Any, status: int, code: str):
    async with sns_host(tmp_path / "aws") as aws, hearing(tmp_path, aws) as here:
        answered = await post(here, "/hooks/ses", body)

        assert (answered.status, answered.body["code"]) == (status, code)
        assert aws.asked == []


async def test_what_ses_says_besides_is_answered_and_changes_nothing(tmp_path: Path):
    async with sns_host(tmp_path / "aws") as aws, hearing(tmp_path, aws) as here:
        opened = await post(
            here, "/hooks/ses", aws.signer.sign(Message=ses_event("Open", message_id=SES_ID, to=ANN))
        )
        ended = await post(here, "/hooks/ses", aws.signer.subscription(Type="UnsubscribeConfirmation"))
        unreadable = await post(here, "/hooks/ses", aws.signer.sign(Message="Hello"))

        assert opened.body == ended.body == {"fate": "ignored", "mail": None, "suppressed": False}
        assert unreadable.body["code"] == "bad_request"
        # Nobody subscribes again by himself.
        assert aws.asked == [URL.removeprefix("https://")]
        assert (await here.ask("GET", "/internal/mail/reports")).body["reports"] == []


async def test_what_is_of_no_mail_of_ours_is_kept_for_people_to_look_at(tmp_path: Path):
    async with sns_host(tmp_path / "aws") as aws, hearing(tmp_path, aws) as here:
        bounce = ses_event("Bounce", message_id=SES_ID, to=ANN)

        answered = await post(here, "/hooks/ses", aws.signer.sign(Message=bounce))

        assert answered.body == {"fate": "unattributed", "mail": None, "suppressed": False}
        [kept] = (await here.ask("GET", "/internal/mail/reports")).body["reports"]
        assert (kept["subject"], kept["kind"], kept["text"]) == ("Amazon SES: Bounce", "delivery", bounce)


@pytest.mark.parametrize("status", [204, 301, 404, 500, 200])
async def test_while_sns_cannot_be_asked_the_message_is_to_come_again(tmp_path: Path, status: int):
    async with sns_host(tmp_path / "aws") as aws, hearing(tmp_path, aws) as here:
        aws.status = status
        message = aws.signer.subscription()
        pem = aws.signer.pem
        aws.signer.pem = pem + b"x" * 64 * 1024

        first = await post(here, "/hooks/ses", message)
        aws.status, aws.signer.pem = 200, pem
        second = await post(here, "/hooks/ses", message)

        assert (first.status, first.headers["Retry-After"], second.status) == (503, "20", 200)
        # No redirection is followed.
        assert len(aws.asked) == 3


async def test_a_host_that_cannot_show_to_be_sns_is_not_believed(tmp_path: Path):
    """Somebody who has the DNS, and no certificate of that name."""
    async with sns_host(tmp_path / "aws", name="evil.example") as aws, hearing(tmp_path, aws) as here:
        bounce = ses_event("Bounce", message_id=SES_ID, to=ANN)

        answered = await post(here, "/hooks/ses", aws.signer.sign(Message=bounce))

        assert answered.status == 503
        assert aws.asked == []


async def test_what_postmark_tells_of_a_mail_becomes_of_it(tmp_path: Path):
    async with (
        SMTPRelay() as relay,
        gateway(
            tmp_path, MAIL_URL=relay.url(query="starttls=never"), POSTMARK_SECRET=f"other-{SECRET},{SECRET}"
        ) as here,
    ):
        id_ = await sent(here, ANN)
        [mail] = relay.received
        assert f"X-PM-Metadata-bellhop: {id_}\r\n".encode() in mail.content
        event = {
            "RecordType": "Bounce", "Type": "HardBounce", "MessageID": "883953f4-6105-42a2-a16a-77a8eac79483", "Email": ANN,
            "Metadata": {"bellhop": id_}, "Details": f"smtp;550 5.1.1 <{ANN}> unknown", "BouncedAt": "2025-11-26T10:00:00Z",
        }  # fmt: skip

        wrong = [
            await post(here, "/hooks/postmark", event, **headers)
            for headers in (
                {},
                {"Authorization": basic("wrong")},
                {"Authorization": basic("")},
                {"Authorization": basic(SECRET + "x")},
                {"Authorization": f"Bearer {SECRET}"},
                {"Authorization": f"Basic {SECRET}"},
                {"Authorization": "Basic =" + "x" * 5000},
                {"Authorization": "Basic é"},
            )
        ]
        assert [(each.status, each.body["code"]) for each in wrong] == [(401, "unauthorized")] * len(wrong)
        assert wrong[0].headers["WWW-Authenticate"].startswith("Basic ")
        assert await listed(here) == []

        for password in (SECRET, f"other-{SECRET}"):
            told = await post(here, "/hooks/postmark", event, Authorization=basic(password, user=""))
            assert told.status == 200
        assert told.body["fate"] == "noted"
        assert await listed(here) == [(ANN, "hard_bounce", "postmark")]
        await mail_in(here, id_, "bounced")

        opened = await post(here, "/hooks/postmark", {"RecordType": "Open"}, Authorization=basic(SECRET))
        unreadable = await post(here, "/hooks/postmark", {"a": 1}, Authorization=basic(SECRET))
        assert opened.body["fate"] == "ignored"
        assert unreadable.body["code"] == "bad_request"


async def test_without_a_provider_there_is_no_such_address_and_no_mark(tmp_path: Path):
    async with SMTPRelay() as relay, gateway(tmp_path, MAIL_URL=relay.url(query="starttls=never")) as here:
        await sent(here, ANN)

        for path in ("/hooks/ses", "/hooks/postmark", "/internal/mail/reports/ses"):
            assert (await post(here, path, {})).status == 404
            assert (await here.ask("POST", path, body={})).status == 404
        assert b"X-PM-" not in relay.received[0].content


async def test_they_stand_under_the_public_sites_path(tmp_path: Path):
    async with gateway(tmp_path, POSTMARK_SECRET=SECRET, BASE_URL="https://shop.example/notify") as here:
        event = {"RecordType": "Open"}
        for path in ("/hooks/postmark", "/notify/hooks/postmark"):
            assert (await post(here, path, event, Authorization=basic(SECRET))).status == 200


async def test_they_stand_on_the_internal_site_too_where_their_proof_is_asked_for_as_well(tmp_path: Path):
    async with gateway(tmp_path, POSTMARK_SECRET=SECRET, SES_TOPICS=TOPIC) as here:
        url = f"{here.internal}/internal/mail/reports"

        async def told(provider: str, **headers: str) -> int:
            return (
                await here.request(
                    "POST", f"{url}/{provider}", raw=b'{"RecordType": "Open"}', headers=headers
                )
            ).status

        assert await told("postmark", Authorization=basic(SECRET)) == 200
        assert await told("postmark", Authorization=basic("guessed")) == 401
        assert await told("ses") in (400, 403)


async def test_bodies_of_whom_nobody_knows_are_read_up_to_a_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    import asyncio
    from urllib.parse import urlsplit

    monkeypatch.setattr(hooks, "AT_ONCE", 2)
    async with sns_host(tmp_path / "aws") as aws, hearing(tmp_path, aws) as here:
        place = urlsplit(here.public)
        assert here.node is not None
        held = []
        for _ in range(2):
            _, writer = await asyncio.open_connection(place.hostname, place.port)
            writer.write(b"POST /hooks/ses HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
            held.append(writer)

        async def all_held() -> bool:
            assert here.node is not None
            assert here.node.sites.hooks is not None
            return here.node.sites.hooks._places.locked()

        await until(all_held)
        answered = await post(here, "/hooks/ses", {})
        assert (answered.status, answered.headers["Retry-After"]) == (503, "5")

        for writer in held:
            writer.close()

        async def heard_again() -> bool:
            return (await post(here, "/hooks/ses", [])).status == 400

        await until(heard_again)
