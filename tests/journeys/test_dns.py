"""`bellhop dns`, as a command: what it prints to set, what it finds, and the mail that it sends."""

from pathlib import Path

from mailer.signing_keys import SigningKey
from mailer.zone import key_name, key_record
from tests.support.dkim import ed25519_key, pem
from tests.support.names import dns_server, txt
from tests.support.smtp import Authority, Reply, SMTPRelay
from tests.unit.gateway.test_cli import bellhop

KEY = SigningKey(domain="shop.example", selector="bh1", private=ed25519_key())
SETTINGS = {
    "DKIM_KEY": pem(KEY.private),
    "DKIM_SELECTOR": "bh1",
    "DKIM_DOMAIN": "shop.example",
    "MAIL_FROM": "Shop <shop@shop.example>",
    "MAIL_HELO": "node.shop.example",
    "BOUNCE_DOMAIN": "bounces.shop.example",
    "LINK_SECRET": "s" * 32,
}
RECORDS = [
    txt("bounces.shop.example", "v=spf1 ip4:127.0.0.1 -all"),
    txt(key_name(KEY), key_record(KEY)),
    txt("_dmarc.shop.example", "v=DMARC1; p=none"),
    "mx-host=bounces.shop.example,node.shop.example,10",
    "host-record=node.shop.example,192.0.2.30",
    "host-record=relay.example,127.0.0.1",
]


async def test_it_prints_the_records_to_set(tmp_path: Path):
    code, printed, _ = await bellhop(
        "dns",
        folder=tmp_path,
        MAIL_URL="smtp://smtp.provider.example",
        BULK_URL="smtp://192.0.2.9",
        **SETTINGS,
    )

    assert code == 0
    lines = [line for line in printed.splitlines() if not line.startswith(";")]
    assert lines == [
        'bounces.shop.example. 3600 IN TXT "v=spf1 a:smtp.provider.example ip4:192.0.2.9 ~all"',
        f'bh1._domainkey.shop.example. 3600 IN TXT "v=DKIM1; k=ed25519; p={KEY.public()}"',
        '_dmarc.shop.example. 3600 IN TXT "v=DMARC1; p=none; rua=mailto:postmaster@shop.example"',
        "bounces.shop.example. 3600 IN MX 10 node.shop.example.",
    ]


async def test_it_looks_them_up_and_tries_the_relay(tmp_path: Path):
    authority = Authority.make(tmp_path / "authority")
    async with SMTPRelay(authority) as relay, dns_server(RECORDS) as server:
        code, printed, complained = await bellhop(
            "dns", "--check", "--server", server, folder=tmp_path, MAIL_URL=relay.url(), **SETTINGS
        )

    assert (code, complained) == (0, "")
    assert printed.splitlines() == [
        "ok     SPF of bounces.shop.example takes 0 look-ups, and 10 are allowed",
        "ok     bh1._domainkey.shop.example is your key",
        "ok     _dmarc.shop.example says none",
        "ok     mail from shop.example is aligned by its signature and envelope",
        "ok     bounces.shop.example leads to node.shop.example",
        "ok     the relay's address 127.0.0.1 is called relay.example",
        "ok     the relay 127.0.0.1 lets us in over TLS",
    ]


async def test_what_is_wrong_is_a_line_each_and_ends_with_1(tmp_path: Path):
    async with SMTPRelay() as relay, dns_server(RECORDS[1:2]) as server:
        code, printed, _ = await bellhop(
            "dns", "--check", "--server", server, folder=tmp_path,
            MAIL_URL=relay.url(query="starttls=required"), **SETTINGS,
        )  # fmt: skip

    assert code == 1
    wrong = [line[7:] for line in printed.splitlines() if line.startswith("wrong  ")]
    assert wrong[:4] == [
        "bounces.shop.example has no SPF record",
        "shop.example has no DMARC record",
        "bounces.shop.example has no MX: nothing comes back to it",
        "the relay's address 127.0.0.1 has no name that leads back to it",
    ]
    assert wrong[4] == (
        "the relay 127.0.0.1 does not let us in: the relay offers no STARTTLS, and the mail URL requires it"
    )


async def test_the_account_of_bulk_mail_is_tried_by_itself(tmp_path: Path):
    """At the same host: its password may be wrong while the other is right."""
    authority = Authority.make(tmp_path / "authority")
    async with SMTPRelay(authority, login=("shop", "right")) as relay, dns_server(RECORDS) as server:
        answers = [
            await bellhop(
                "dns", "--check", "--server", server, folder=tmp_path,
                MAIL_URL=relay.url(user="shop:right"), BULK_URL=relay.url(user=user), **SETTINGS,
            )
            for user in ("shop:right", "bulk:wrong")
        ]  # fmt: skip

    assert [code for code, _, _ in answers] == [0, 1]
    same, other = ([line for line in printed.splitlines() if "us in" in line] for _, printed, _ in answers)
    assert same == ["ok     the relay 127.0.0.1 lets us in over TLS"]
    assert other[0] == same[0]
    assert other[1].startswith(
        "wrong  the relay 127.0.0.1 of bulk mail does not let us in: login refused: 535"
    )
    assert "bulk:wrong" not in answers[1][1]


async def test_a_mail_to_try_it_with_is_as_every_mail_is(tmp_path: Path):
    async with SMTPRelay() as relay:
        url = relay.url(query="starttls=never")
        relay.refuse["gone@dest.example"] = Reply("550 5.1.1 unknown")
        sent = await bellhop("dns", "--send", "ann@dest.example", folder=tmp_path, MAIL_URL=url, **SETTINGS)
        refused = await bellhop(
            "dns", "--send", "gone@dest.example", folder=tmp_path, MAIL_URL=url, **SETTINGS
        )
        nobody = await bellhop("dns", "--send", "gone", folder=tmp_path, MAIL_URL=url, **SETTINGS)

    assert (sent[0], refused[0], nobody[0]) == (0, 1, 1)
    assert sent[1].startswith("ok     the relay has taken a mail for it: ")
    assert "the mail was not taken: recipient refused: 550 5.1.1 unknown" in refused[1]
    [mail] = relay.received
    assert mail.content.startswith(b"DKIM-Signature: ")
    assert mail.sender.endswith("@bounces.shop.example")


async def test_wrong_usage_and_settings_end_with_2(tmp_path: Path):
    spool = {"MAIL_URL": f"spool:///{tmp_path}/mail"}
    usage = await bellhop("dns", "--server", "here", folder=tmp_path, **spool)
    unsigned = await bellhop(
        "dns", "--check", folder=tmp_path, **spool, **(SETTINGS | {"MAIL_FROM": "a@b.example"})
    )
    secretless = await bellhop(
        "dns", "--send", "a@b.example", folder=tmp_path, **spool, BOUNCE_DOMAIN="b.shop.example"
    )

    assert [each[0] for each in (usage, unsigned, secretless)] == [2, 2, 2]
    assert "such as 127.0.0.1:53" in usage[2]
    assert "needs BELLHOP_LINK_SECRET" in secretless[2]
