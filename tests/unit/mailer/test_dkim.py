"""Signatures: accepted by a verifier that shares no code with them, and refused when a byte was changed."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.dkim import OVERSIGNED, DkimSigner, relaxed_body, relaxed_header, signer_for
from mailer.errors import MailConfigurationError
from mailer.sealing import Seal
from mailer.signing_keys import SigningKey, blocks, keys_of, private_key
from tests.support.amounts import amount
from tests.support.dkim import ed25519_key, pem, record, rsa_key
from tests.unit.mailer.letters import letter, notification, order, renderer

RSA = SigningKey(domain="shop.example", selector="rsa1", private=rsa_key())
ED = SigningKey(domain="shop.example", selector="ed1", private=ed25519_key())
KEYS = (RSA, ED)
DNS = {f"{key.selector}._domainkey.{key.domain}.": record(key) for key in KEYS}
UNSUBSCRIBE = ("https://shop.example/u/" + "x" * 200, "mailto:unsubscribe@shop.example")


def signed(message: bytes, keys: Sequence[SigningKey] = KEYS) -> bytes:
    return DkimSigner(keys).sign(message)


def accepted(message: bytes, index: int) -> bool:
    """Whether the signature of this place is a good one."""

    def look_up(name: bytes, timeout: int = 5) -> bytes:
        del timeout
        return DNS.get(name.decode(), "").encode()

    try:
        return bool(dkim.DKIM(message).verify(idx=index, dnsfunc=look_up))
    except dkim.DKIMException:
        return False


def verdicts(message: bytes) -> list[bool]:
    return [accepted(message, index) for index in range(len(KEYS))]


def mail(**fields: Any) -> bytes:
    return (
        renderer(sender="Shop <news@shop.example>", unsubscribe=UNSUBSCRIBE)
        .render(notification(**fields), order())
        .raw
    )


def test_both_signatures_of_a_mail_are_accepted() -> None:
    assert verdicts(signed(mail())) == [True, True]


@given(title=st.text(min_size=1, max_size=80), body=st.text(max_size=400))
@settings(max_examples=amount(10, long=20), deadline=None)
def test_whatever_a_mail_says_its_signatures_are_accepted(title: str, body: str) -> None:
    assert verdicts(signed(mail(title=title, body=body))) == [True, True]


@given(
    body=st.lists(st.sampled_from([b"", b" ", b"\t", b"a", b"a \t b", b" a", b"b\t "]), max_size=12),
    fields=st.lists(
        st.sampled_from([b"X-A: 1", b"Subject:  a\t b ", b"To: a@b.example,\r\n\tc@d.example"]), max_size=4
    ),
)
@settings(max_examples=amount(15, long=60), deadline=None)
def test_blanks_folds_and_empty_lines_are_signed_as_verifiers_read_them(
    body: list[bytes], fields: list[bytes]
) -> None:
    head = b"\r\n".join([b"From: a@shop.example", *fields])
    # Over SMTP the last line ends too.
    message = head + b"\r\n\r\n" + b"".join(line + b"\r\n" for line in body)

    assert verdicts(signed(message)) == [True, True]


def changed(message: bytes) -> Iterator[tuple[str, bytes]]:
    """The mail with one thing changed, in what is signed."""
    for name, old, new in (
        ("a letter of the subject", b"Subject: Your", b"Subject: your"),
        ("the sender", b"news@shop.example", b"news@shop.exampl3"),
        ("the address to unsubscribe at", b"https://shop.example/u/", b"https://shop.example/v/"),
        ("that it is one click", b"One-Click", b"One-Clack"),
        ("the day", b"Date: Mon", b"Date: Tue"),
        ("its id", b"Message-ID: <0", b"Message-ID: <1"),
        ("a letter of the text", b"warehouse", b"warehause"),
        ("an end", b"--\r\n", b"--\r\nMore.\r\n"),
        ("a second sender", b"From: ", b"From: Eve <eve@evil.example>\r\nFrom: "),
        ("a second subject", b"Subject: ", b"Subject: Win\r\nSubject: "),
        ("answers to somebody else", b"Date: ", b"Reply-To: eve@evil.example\r\nDate: "),
    ):
        assert old in message, name
        yield name, message.replace(old, new, 1)


def test_with_one_byte_changed_or_a_field_added_neither_signature_is_accepted() -> None:
    for name, message in changed(signed(mail())):
        assert verdicts(message) == [False, False], name


@given(st.data())
@settings(max_examples=amount(10, long=30), deadline=None)
def test_with_any_letter_of_the_body_changed_neither_is_accepted(data: st.DataObject) -> None:
    message = bytearray(signed(mail()))
    begin = message.index(b"\r\n\r\n") + 4
    place = data.draw(st.sampled_from([p for p in range(begin, len(message)) if chr(message[p]).isalnum()]))
    message[place] ^= 1

    assert verdicts(bytes(message)) == [False, False]


def test_what_relays_add_in_front_and_how_they_fold_changes_nothing() -> None:
    message = b"Received: from a by b\r\n\tfor c; today\r\n" + signed(mail())
    refolded = message.replace(b"Subject: Your order", b"Subject:   Your\r\n\torder ", 1)

    assert verdicts(refolded) == [True, True]


def test_what_a_relay_writes_anew_may_be_left_out_of_the_signature() -> None:
    signer = signer_for("shop.example", KEYS, unsigned=("Message-ID", "Date"))
    assert signer is not None
    message = signer.sign(mail())
    anew = message.replace(b"Message-ID: <0", b"Message-ID: <1", 1).replace(b"Date: Mon", b"Date: Tue", 1)

    assert verdicts(message) == verdicts(anew) == [True, True]
    assert verdicts(anew.replace(b"Subject: Your", b"Subject: your", 1)) == [False, False]


def test_the_same_mail_is_signed_to_the_same_bytes() -> None:
    assert signed(mail()) == signed(mail())


def test_what_is_signed_names_the_sender_twice_and_the_list_fields() -> None:
    head = signed(mail()).partition(b"\r\n\r\n")[0].decode()
    unfolded = re.sub(r"\r\n\s+", "", head)

    for tags in re.findall(r"DKIM-Signature: (.*)", unfolded):
        assert "c=relaxed/relaxed" in tags
        assert "l=" not in tags
        names = re.search(r"h=([^;]*);", tags)[1].split(":")  # type: ignore[index]
        assert [names.count(name) for name in ("From", "List-Unsubscribe", "List-Unsubscribe-Post")] == [
            2,
            1,
            1,
        ]
        assert all(names.count(name) >= 1 for name in OVERSIGNED)
        assert "DKIM-Signature" not in names
    ours = head[: head.index("From: ")].splitlines()
    assert all(len(line) <= 78 for line in ours[1:] if not line.startswith("DKIM"))


def test_the_examples_of_the_rfc_come_out_as_they_stand_there() -> None:
    """RFC 6376, section 3.4.5."""
    assert relaxed_header(b"A: X") == b"a:X"
    assert relaxed_header(b"B : Y\t\r\n\tZ  ") == b"b:Y Z"
    assert relaxed_body(b" C \r\nD \t E\r\n\r\n\r\n") == b" C\r\nD E\r\n"
    assert relaxed_body(b"") == b""
    assert relaxed_body(b"\r\n\r\n") == b""
    assert relaxed_body(b"no line end") == b"no line end\r\n"


async def test_a_seal_signs_what_is_sent_and_leaves_the_rest() -> None:
    plain = letter()

    sealed = await Seal(signer=DkimSigner(KEYS)).put_on(plain)

    assert sealed.content().endswith(plain.content())
    assert verdicts(sealed.content()) == [True, True]
    assert (sealed.sender, sealed.recipient, sealed.id) == (plain.sender, plain.recipient, plain.id)
    assert await Seal().put_on(plain) is plain


@pytest.mark.parametrize(
    ("domain", "names"),
    [
        ("shop.example", ["a"]),
        ("news.shop.example", ["a", "b"]),
        ("x.news.shop.example", ["a", "b"]),
        ("other.example", ["c"]),
    ],
)
def test_a_domain_is_signed_for_by_its_own_keys_and_those_above_it(domain: str, names: list[str]) -> None:
    keys = [
        SigningKey(domain=of, selector=name, private=ED.private)
        for name, of in (("a", "shop.example"), ("b", "news.shop.example"), ("c", "other.example"))
    ]

    signer = signer_for(domain, keys)

    assert signer is not None
    assert re.findall(rb"s=(\w)", signer.sign(b"From: a@b.example\r\n\r\n")) == [n.encode() for n in names]


def test_without_keys_nothing_is_signed_and_with_others_keys_alone_it_is_a_mistake() -> None:
    assert signer_for("shop.example", ()) is None
    for domain in ("myshop.example", "example", "shop.example.org"):
        with pytest.raises(MailConfigurationError, match="BELLHOP_DKIM_DOMAIN"):
            signer_for(domain, KEYS)


# Keys


@pytest.mark.parametrize("form", ["PKCS8", "TraditionalOpenSSL"])
def test_keys_are_read_in_either_form_several_after_one_another_and_in_one_line(form: str) -> None:
    text = pem(RSA.private, form) + "\n" + pem(ED.private)

    for given_ in (text, text.replace("\n", "\\n"), text.replace("\n", "\r\n")):
        read = keys_of(blocks(given_), ["rsa1", "ed1"], ["shop.example"])
        assert [(key.algorithm, key.public()) for key in read] == [(k.algorithm, k.public()) for k in KEYS]
        assert [key.domain for key in read] == ["shop.example"] * 2


def test_keys_names_and_domains_are_in_step() -> None:
    read = keys_of(blocks(pem(RSA.private) + pem(ED.private)), ["a", "b"], ["one.example", "two.example"])

    assert [(key.selector, key.domain) for key in read] == [("a", "one.example"), ("b", "two.example")]


def public(key: Any) -> str:
    from cryptography.hazmat.primitives import serialization

    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return str(key.public_key().public_bytes(serialization.Encoding.PEM, form).decode())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no key in PEM"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "cannot be read"),
        (pem(RSA.private)[:200], "no key in PEM"),
        (pem(rsa_key(1024)), "2048 bits or more"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "RSA or Ed25519"),  # type: ignore[arg-type]
        (public(RSA.private), "cannot be read"),
    ],
)
def test_what_cannot_sign_is_refused_and_not_quoted(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        blocks(text)

    assert "AAAA" not in str(caught.value)


def test_a_key_with_a_password_is_refused() -> None:
    from cryptography.hazmat.primitives import serialization

    locked = ED.private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"x"),
    )

    with pytest.raises(ValueError, match="without a password"):
        private_key(locked.decode())


def test_no_key_shows_itself() -> None:
    assert "private" not in repr(RSA)
