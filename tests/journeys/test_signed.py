"""Signed mail through real mail servers: OpenDKIM and DMARC accept what arrives, and refuse it when a byte was changed."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiosmtplib
import pytest

from mailer.signing_keys import SigningKey
from tests.journeys.test_lanes import owe_bulk
from tests.journeys.test_mailing import spooled, until
from tests.support.dkim import ed25519_key, opendkim, pem, rsa_key
from tests.support.gateway import gateway
from tests.support.postfix import postfix
from tests.support.smtp import SMTPRelay

RSA = SigningKey(domain="shop.example", selector="bh1", private=rsa_key())
ED = SigningKey(domain="shop.example", selector="bh2", private=ed25519_key())
KEYS = {
    "DKIM_KEY": pem(RSA.private, "TraditionalOpenSSL") + pem(ED.private),
    "DKIM_SELECTOR": "bh1,bh2",
    "DKIM_DOMAIN": "shop.example",
    "MAIL_FROM": "Shop <shop@shop.example>",
    "BULK_FROM": "Shop <news@news.shop.example>",
    "MAIL_UNSUBSCRIBE_URL": f"https://shop.example/u/{'x' * 200}/{{id}}",
}


def results(mail: bytes) -> dict[str, str]:
    """What OpenDKIM says of each signature, by its selector."""
    unfolded = re.sub(rb"\r?\n[ \t]+", b" ", mail).decode(errors="replace")
    [line] = re.findall(r"^Authentication-Results: verifier\.example;(.*)$", unfolded, re.MULTILINE)
    found = re.findall(r"dkim=(\w+)[^;]*?header\.s=(\w+)", line)
    return {selector: result for result, selector in found}


def dmarc(mail: bytes) -> bool:
    """Whether DMARC passes (RFC 7489, section 3.1.1, relaxed): a good signature is of the domain that `From` shows, or one above it."""
    unfolded = re.sub(rb"\r?\n[ \t]+", b" ", mail).decode(errors="replace")
    [sender] = re.findall(r"^From: .*@([\w.-]+)>?\s*$", unfolded, re.MULTILINE)
    [line] = re.findall(r"^Authentication-Results: verifier\.example;(.*)$", unfolded, re.MULTILINE)
    good = re.findall(r"dkim=pass[^;]*?header\.d=([\w.-]+)", line)
    return any(f".{sender}".endswith(f".{domain}") for domain in good)


@asynccontextmanager
async def verifying(mailboxes: SMTPRelay) -> AsyncIterator[int]:
    """A Postfix that has OpenDKIM look at what it takes in; its port."""
    async with opendkim([RSA, ED]) as port:
        milters = {"smtpd_milters": f"inet:127.0.0.1:{port}", "milter_default_action": "tempfail"}
        async with postfix(mailboxes.port, **milters) as taking:
            yield taking


async def test_both_lanes_are_accepted_by_a_verifier_and_not_with_a_byte_changed(tmp_path: Path):
    async with (
        SMTPRelay() as mailboxes,
        verifying(mailboxes) as port,
        gateway(tmp_path, MAIL_URL=f"smtp://127.0.0.1:{port}?starttls=never", **KEYS) as here,
    ):
        await here.emit(
            "user:ann", "Grüße – shipped", email={"to": "ann@dest.example"}, body="Order 1234 left."
        )
        await owe_bulk(here, "ann")
        await mailboxes.until_received(2)

        for mail in mailboxes.received:
            assert results(mail.content) == {"bh1": "pass", "bh2": "pass"}
            assert dmarc(mail.content)
        senders = sorted(re.search(rb"\nFrom: (.*?)\r?\n", mail.content)[1] for mail in mailboxes.received)  # type: ignore[index]
        assert senders == [b"Shop <news@news.shop.example>", b"Shop <shop@shop.example>"]

        [mail] = [each for each in mailboxes.received if b"Order 1234" in each.content]
        plain = re.sub(
            rb"^Authentication-Results:.*\r?\n(?:[ \t].*\r?\n)*", b"", mail.content, flags=re.MULTILINE
        )
        for old, new in (
            (b"Order 1234", b"Order 1235"),
            (b"One-Click", b"One-Clack"),
            (b"shop@shop.example>", b"evil@shop.example>"),
        ):
            assert old in plain
            await aiosmtplib.send(
                plain.replace(old, new, 1), sender="x@shop.example", recipients=["ann@dest.example"],
                hostname="127.0.0.1", port=port, start_tls=False,
            )  # fmt: skip
        await mailboxes.until_received(5)
        for changed in mailboxes.received[2:]:
            assert set(results(changed.content).values()) == {"fail"}
            assert not dmarc(changed.content)


async def test_what_goes_to_the_spool_is_signed_as_well(tmp_path: Path):
    async with gateway(tmp_path, **KEYS) as here:
        await here.emit("user:ann", email={"to": "ann@dest.example"})

        async def is_there() -> bool:
            return len(spooled(tmp_path)) == 1

        await until(is_there)

    [mail] = spooled(tmp_path)
    assert len(mail.get_all("DKIM-Signature", [])) == 2


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"MAIL_FROM": "shop@other.example"}, "no key of BELLHOP_DKIM_DOMAIN signs mail from other.example"),
        ({"DKIM_SELECTOR": "bh1"}, "there must be as many of each, or one domain"),
        ({"DKIM_SELECTOR": "bh1,b_2"}, "BELLHOP_DKIM_SELECTOR must be names"),
        ({"DKIM_DOMAIN": "shop"}, "BELLHOP_DKIM_DOMAIN must be a domain with a dot in it"),
        ({"DKIM_DOMAIN": "-.example"}, "BELLHOP_DKIM_DOMAIN must be a domain such as shop.example"),
        ({"DKIM_KEY": "-----BEGIN PRIVATE KEY-----"}, "BELLHOP_DKIM_KEY must be private keys in PEM"),
    ],
)
async def test_keys_that_cannot_sign_all_mail_stop_the_start(
    tmp_path: Path, settings: dict[str, str], said: str
):
    from tests.support.gateway import environment
    from tests.unit.gateway.test_cli import bellhop

    given = environment(tmp_path, **(KEYS | settings))
    code, _, complained = await bellhop(
        "serve", folder=tmp_path, **{name.removeprefix("BELLHOP_"): value for name, value in given.items()}
    )

    assert code == 2
    assert said in complained
    assert "MII" not in complained
