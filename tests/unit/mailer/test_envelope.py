"""The address that a mail comes back to says which mail it was, to us, and nothing that anybody else could make up."""

import re
import uuid
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.envelope import ReturnPath
from mailer.sealing import Seal
from storage.ids import uuid7
from tests.support.amounts import amount
from tests.unit.mailer.letters import ID, letter

PATH = ReturnPath(domain="bounces.shop.example", secrets=("a" * 32, "b" * 32))


def address(id_: str = ID, path: ReturnPath = PATH) -> str:
    made = path.address(id_)
    assert made is not None
    return made


@given(st.uuids())
def test_an_address_is_lower_case_short_and_leads_back_to_its_mail(id_: uuid.UUID) -> None:
    made = address(str(id_))

    local, _, domain = made.partition("@")
    assert re.fullmatch(r"b-[a-z2-7]{26}-[a-z2-7]{16}", local)
    assert len(local) <= 64
    assert domain == PATH.domain
    assert PATH.obligation(made) == str(id_)
    # As it comes back.
    assert PATH.obligation(f" {made.upper()} ") == str(id_)


def test_every_id_of_ours_has_one_and_any_other_has_none() -> None:
    assert PATH.obligation(address(uuid7())) is not None
    assert PATH.address("mail-1") is None


def test_what_was_sent_by_an_older_secret_comes_back_too() -> None:
    older = ReturnPath(domain=PATH.domain, secrets=("b" * 32,))

    assert PATH.obligation(address(path=older)) == ID
    assert older.obligation(address()) is None


@given(st.data())
@settings(max_examples=amount(60, long=300))
def test_with_any_character_changed_it_is_nobodys(data: st.DataObject) -> None:
    made = address()
    place = data.draw(st.integers(0, len(made) - 1))
    other = data.draw(st.sampled_from("abcdefghijklmnopqrstuvwxyz234567-@.=+"))
    forged = made[:place] + other + made[place + 1 :]

    assert PATH.obligation(forged) == (ID if forged == made else None)


@given(st.text(max_size=120))
def test_no_other_text_is_an_address_of_ours(text: str) -> None:
    assert PATH.obligation(text) is None
    assert PATH.obligation(f"{text}@{PATH.domain}") is None


@pytest.mark.parametrize("secret", ["a" * 32, "c" * 32])
def test_an_address_holds_within_its_domain_and_by_its_secret(secret: str) -> None:
    other = ReturnPath(domain="other.example", secrets=(secret,))

    assert other.obligation(address()) is None
    assert PATH.obligation(address(path=other)) is None


async def test_a_seal_changes_the_envelope_and_not_the_letter() -> None:
    sealed = await Seal(return_path=PATH).put_on(letter())

    assert PATH.obligation(sealed.sender) == ID
    assert (sealed.content(), sealed.author) == (letter().content(), letter().author)


async def test_what_has_no_address_of_its_own_goes_back_to_the_sender() -> None:
    plain = replace(letter(), id="mail-1")

    assert await Seal(return_path=PATH).put_on(plain) == plain


def test_the_secret_is_not_shown() -> None:
    assert "aaaa" not in repr(PATH)
