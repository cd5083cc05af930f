"""Which backends may call."""

import gc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auth.errors import AuthError, InvalidServiceKey, KeyConfigurationError, KeysUnavailable
from auth.keys import Keys
from auth.principal import Service
from auth.published import KeySet
from auth.services import Services
from auth.tokens import Verifier
from tests.support.amounts import amount
from tests.unit.auth.conftest import NOW_SECONDS, signed

ORDERS = "orders-key-0123456789-0123456789"
BILLING = "billing-key-0123456789-012345678"


@pytest.fixture
def services(verifier: Verifier) -> Services:
    return Services({"orders": ORDERS, "billing": BILLING}, verifier)


@pytest.mark.parametrize(("key", "name"), [(ORDERS, "orders"), (BILLING, "billing")])
async def test_an_api_key_proves_its_service_with_every_scope(services: Services, key: str, name: str):
    service = await services.authenticate(f"Bearer {key}")

    assert service == Service(name=name, scopes=frozenset({"emit", "admin"}))


@pytest.mark.parametrize("header", [f"bearer {ORDERS}", f"BEARER {ORDERS}", f"Bearer   {ORDERS} "])
async def test_the_scheme_is_read_without_case_and_blanks_do_not_count(services: Services, header: str):
    assert (await services.authenticate(header)).name == "orders"


async def test_a_service_token_proves_its_service_with_its_own_scopes(services: Services):
    service = await services.authenticate(f"Bearer {signed(sub='search', scope='emit')}")

    assert service == Service(name="search", scopes=frozenset({"emit"}))


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", ORDERS, f"Basic {ORDERS}", f"Bearer{ORDERS}", f"Bearer {ORDERS}x", f"Bearer {ORDERS[:-1]}",
     f"Bearer {ORDERS.upper()}", f"Bearer {ORDERS} {ORDERS}", f"Bearer {ORDERS},{BILLING}", "Bearer orders", "Bearer \udcff",
     "Bearer é" + "x" * 40, "Bearer " + "x" * 9000, f"Bearer {ORDERS}\x00", f"Bearer \t{ORDERS[1:]}"],
)  # fmt: skip
async def test_anything_else_is_nobodys(services: Services, header: str | None):
    with pytest.raises(InvalidServiceKey):
        await services.authenticate(header)


@pytest.mark.parametrize(
    "claims",
    [{}, {"roles": ["admin"]}, {"scope": "emit", "exp": NOW_SECONDS - 60}, {"scope": "emit", "sub": ""}],
)
async def test_a_token_that_is_no_sound_service_token_is_nobodys(services: Services, claims):
    with pytest.raises(InvalidServiceKey):
        await services.authenticate(f"Bearer {signed(**claims)}")


async def test_without_a_verifier_only_api_keys_count():
    services = Services({"orders": ORDERS})

    assert (await services.authenticate(f"Bearer {ORDERS}")).name == "orders"
    with pytest.raises(InvalidServiceKey):
        await services.authenticate(f"Bearer {signed(scope='emit')}")


async def test_without_any_api_key_a_service_token_still_counts(verifier: Verifier):
    assert (await Services({}, verifier).authenticate(f"Bearer {signed(scope='admin')}")).may("emit")


async def test_keys_that_cannot_be_had_now_are_not_the_services_fault(ec_key, clock):
    async def refuse(url: str) -> bytes:
        raise OSError

    keys = Keys.of(published=KeySet("https://id.example/keys", refuse, monotonic=clock.monotonic))
    services = Services({"orders": ORDERS}, Verifier(keys, clock=clock))

    with pytest.raises(KeysUnavailable):
        await services.authenticate(f"Bearer {signed(ec_key, 'ES256', {'kid': 'k1'}, scope='emit')}")
    assert (await services.authenticate(f"Bearer {ORDERS}")).name == "orders"


@pytest.mark.parametrize(
    ("api_keys", "reason"),
    [
        ({"orders": "x" * 31}, "orders has 31"),
        ({"orders": ""}, "orders has 0"),
        ({"": ORDERS}, "no name"),
        ({" orders": ORDERS}, "no name"),
        ({"orders": "é" * 32}, "printable"),
        ({"orders": "a b" * 32}, "printable"),
        ({"orders": "x" * 9000}, "printable"),
        ({"orders": ORDERS, "billing": ORDERS}, "orders and billing"),
    ],
)
def test_a_key_that_cannot_work_stops_the_start_and_is_not_shown(api_keys: dict[str, str], reason: str):
    with pytest.raises(KeyConfigurationError, match=reason) as refusal:
        Services(api_keys)

    assert not any(key and key in str(refusal.value) for key in api_keys.values())


def test_every_key_is_compared_even_after_one_has_matched(monkeypatch):
    """An early exit would tell by its time which key was met."""
    services = Services({f"s{n}": f"{n:032}" for n in range(10)})
    compared = []
    monkeypatch.setattr("auth.services.hmac.compare_digest", lambda a, b: compared.append(a) or a == b)

    found = services._by_api_key(f"{0:032}")

    assert found is not None
    assert found.name == "s0"
    assert len(compared) == 10


def test_no_key_is_kept_in_the_services():
    services = Services({"orders": "".join(["one-time-", "k" * 32])})

    held = [services]
    texts = []
    for _ in range(4):
        held = [value for value in gc.get_referents(*held) if not isinstance(value, type)]
        texts += [value for value in held if isinstance(value, str | bytes)]

    assert not any("one-time" in str(text) for text in texts)


def test_two_processes_hold_the_same_key_as_different_digests():
    first, second = (Services({"orders": ORDERS})._digests for _ in range(2))

    assert first.keys().isdisjoint(second.keys())


@settings(
    max_examples=amount(40, long=200),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(header=st.none() | st.text() | st.text().map("Bearer ".__add__))
async def test_whatever_the_header_says_the_answer_is_an_auth_error(services: Services, header: str | None):
    with pytest.raises(AuthError):
        await services.authenticate(header)
