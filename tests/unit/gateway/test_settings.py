"""Settings: what an operator writes, what is in force, and what is said when it cannot work."""

import ipaddress
from pathlib import Path

import pytest

from gateway.access.settings import KeySettings
from gateway.cluster.connect import connect
from gateway.cluster.settings import ClusterSettings
from gateway.ground.environment import FILE_BYTES_MAX, SettingSource
from gateway.ground.logs import LogFormat, LogSettings
from gateway.ground.settings import Settings, SettingsError
from gateway.ground.values import masked_url
from gateway.http.settings import SiteSettings
from gateway.mail.part import lanes_of
from gateway.mail.presses import presses_of
from gateway.mail.seals import seals_of
from gateway.mail.settings import BulkSettings, MailSettings
from gateway.notify.settings import StoreSettings
from gateway.process.settings import SETTINGS, ProcessSettings, load, markdown, survey
from gateway.sockets.settings import SocketSettings
from mailer.budget import LocalBudget, Unlimited
from mailer.lanes import Lane
from mailer.smtp import SMTPTransport

SECRET = "s" * 32
KEY = "k" * 32


def problems(environ: dict[str, str], *, serving: bool = False) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        load(environ, serving=serving)
    return caught.value.problems


def test_an_empty_environment_makes_a_node_on_embedded_defaults():
    in_force = load({})

    assert (in_force[SiteSettings].hosts, in_force[SiteSettings].port) == (("127.0.0.1",), 8080)
    assert (in_force[SiteSettings].internal_hosts, in_force[SiteSettings].internal_port) == (
        ("127.0.0.1",),
        8081,
    )
    assert in_force[StoreSettings].url == "sqlite:///var/bellhop.db"
    assert in_force[ClusterSettings].bus_url == "local://"
    assert in_force[MailSettings].url == "spool:///var/mail"
    assert in_force[SocketSettings].transports == ("polling", "websocket")
    assert in_force[SocketSettings].max_connections == 20_000
    assert in_force[MailSettings].worker is True
    assert in_force[LogSettings].format is LogFormat.AUTO


def test_every_setting_has_a_place_and_every_default_can_be_written_out():
    written = {setting.variable: setting.default for setting in SETTINGS if setting.default is not None}

    assert len({setting.name for setting in SETTINGS}) == len(SETTINGS)
    defaults, spelled = load({"BELLHOP_NODE_ID": "n"}), load(written | {"BELLHOP_NODE_ID": "n"})
    assert defaults == spelled


def test_two_nodes_have_two_names():
    assert load({})[ClusterSettings].node_id != load({})[ClusterSettings].node_id


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("1.5m", 90), ("2h", 7200), ("7d", 604_800), ("500ms", 0.5), ("0", 0)],
)
def test_a_duration_is_seconds_or_has_a_unit(text: str, seconds: float):
    assert load({"BELLHOP_DRAIN_SECONDS": text})[ProcessSettings].drain_seconds == seconds


def test_values_are_parsed_into_what_they_mean():
    in_force = load(
        {
            "BELLHOP_TRUSTED_PROXIES": "10.0.0.0/8, ::1",
            "BELLHOP_CORS_ORIGINS": "https://Shop.example,http://localhost:3000",
            "BELLHOP_JWT_SECRET": f"{SECRET}, {'t' * 32}",
            "BELLHOP_API_KEYS": f"shop:{KEY},crm:{'c' * 40}",
            "BELLHOP_BASE_URL": "https://shop.example/notify/",
            "BELLHOP_MAIL_WORKER": "No",
            "BELLHOP_LOG_FORMAT": "JSON",
            "BELLHOP_TRANSPORTS": "websocket",
        }
    )

    assert in_force[SiteSettings].trusted_proxies == (
        ipaddress.ip_network("10.0.0.0/8"),
        ipaddress.ip_network("::1"),
    )
    assert in_force[SiteSettings].cors_origins == ("https://shop.example", "http://localhost:3000")
    assert in_force[KeySettings].jwt_secrets == (SECRET, "t" * 32)
    assert in_force[KeySettings].api_keys == {"shop": KEY, "crm": "c" * 40}
    assert in_force[SiteSettings].base_url == "https://shop.example/notify"
    assert in_force[MailSettings].worker is False
    assert in_force[LogSettings].format is LogFormat.JSON
    assert in_force[SocketSettings].transports == ("websocket",)


def test_a_public_key_may_be_written_in_one_line():
    in_force = load({"BELLHOP_JWT_PUBLIC_KEY": r"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"})

    assert (
        in_force[KeySettings].jwt_public_key == "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"
    )
    assert in_force[KeySettings].verify_tokens


def test_an_empty_value_is_an_unset_one():
    assert load({"BELLHOP_PORT": "", "BELLHOP_JWT_SECRET": " "})[SiteSettings].port == 8080


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PORT", "65536", "must be a whole number from 0 to 65535."),
        ("PORT", "-1", "must be a whole number"),
        ("EMIT_RATE", "many", "must be a number, 0 or more."),
        ("DRAIN_SECONDS", "soon", "must be a number of seconds"),
        ("MAIL_LEASE", "0", "must be more than 0."),
        ("MAIL_CONCURRENCY", "0", "must be a whole number from 1 to 1000."),
        ("MAIL_WORKER", "maybe", "must be true or false."),
        ("LOG_LEVEL", "loud", "must be one of debug, info, warning, error."),
        ("LOG_FORMAT", "xml", "must be one of auto, json, text."),
        ("NODE_ID", "a b", "must be 1-100 letters"),
        ("STORE_URL", "postgres://x", "must begin with sqlite:// or mongodb://"),
        ("BUS_URL", "redis://", "names no host."),
        ("BUS_URL", "redis://host:port", "is not a URL."),
        ("MAIL_URL", "smtp:///", "names no host."),
        ("BASE_URL", "shop.example", "must be an http(s) URL"),
        ("BASE_URL", "https://[oops", "is not a URL."),
        ("CORS_ORIGINS", "https://shop.example/", "must be origins"),
        ("CORS_ORIGINS", "shop.example", "must be origins"),
        ("TRANSPORTS", "smoke", "must be polling, websocket"),
        ("HOST", ",", "names no address."),
        ("HOST", "0.0.0.0:8080", "the port is a setting of its own"),
        ("HOST", "http://0.0.0.0", "it is no address"),
        ("HOST", "127.0.0.1,unix:bellhop.sock", "has a path from the root"),
        ("INTERNAL_HOST", f"unix:/{'x' * 107}", "107 bytes at most"),
        ("TRUSTED_PROXIES", "everyone", "must be addresses or networks"),
        ("MAIL_FROM", "nobody", "must be an address"),
        ("MAIL_FROM", "a@b.example\nBcc: x@y.example", "must be an address"),
        ("MAIL_FROM", "Shop, Inc. <shop@shop.example>", "in double quotes"),
        ("MAIL_FROM", "Shop@Home <shop@shop.example>", "must be an address"),
        ("MAIL_FROM", "Jörg <jörg@shop.example>", "must be ASCII"),
        ("MAIL_FROM", "Shop <shop@☃.net>", "IDNA 2008"),
        ("MAIL_REPLY_TO", "a@b.example, c@d.example", "must be an address"),
        ("MAIL_UNSUBSCRIBE_URL", "http://shop.example/u", "must be a URL of https, of mailto, or both"),
        ("MAIL_UNSUBSCRIBE_URL", "https://shop.example/{user}", "{id}, {room}, {type}"),
        ("MAIL_TEMPLATES", "/nowhere/at/all", "is not a folder."),
        ("JWT_SECRET", "short", "is too short"),
        ("JWT_PUBLIC_KEY", "AAAA", "must be a public key in PEM."),
        ("JWT_PUBLIC_KEY", "-----BEGIN PRIVATE KEY-----", "is a private key"),
        ("JWT_JWKS_URL", "file:///etc/passwd", "must begin with http:// or https://."),
        ("API_KEYS", KEY, "must be name:key"),
        ("API_KEYS", "shop:short", "has too short a key for shop"),
        ("API_KEYS", f"shop:{KEY}ü", "no header can carry"),
        ("API_KEYS", f"shop:{KEY},shop:{KEY}", "names shop twice."),
    ],
)
def test_a_wrong_value_is_named_with_what_it_should_be(name: str, value: str, said: str):
    found = problems({f"BELLHOP_{name}": value})

    assert len(found) == 1
    assert found[0].startswith(f"BELLHOP_{name} ")
    assert said in found[0]


def test_no_problem_shows_a_secret():
    found = problems({"BELLHOP_JWT_SECRET": "hunter2", "BELLHOP_API_KEYS": "shop:hunter2,hunter2:x"})

    assert len(found) == 2
    assert "hunter2" not in " ".join(found)


def test_every_mistake_is_reported_at_once():
    found = problems(
        {
            "BELLHOP_PORT": "x",
            "BELLHOP_STOR_URL": "x",
            "BELLHOP_MAIL_FROM_FILE": "/nowhere",
            "BELLHOP_XYZZY": "1",
        },
        serving=True,
    )

    assert found[:2] == (
        "BELLHOP_STOR_URL is no setting of Bellhop; did you mean BELLHOP_STORE_URL?",
        "BELLHOP_XYZZY is no setting of Bellhop.",
    )
    assert {text.partition(" ")[0] for text in found[2:]} == {
        "BELLHOP_PORT",
        "BELLHOP_MAIL_FROM_FILE:",
        "There",
    }


def test_names_of_the_test_suite_are_nobody_elses_business():
    load({"BELLHOP_TEST_MONGODB": "mongodb://127.0.0.1"})


def test_the_variables_kubernetes_makes_of_a_service_are_explained():
    found = problems(
        {
            "BELLHOP_PORT": "tcp://10.0.0.7:80",
            "BELLHOP_SERVICE_HOST": "10.0.0.7",
            "BELLHOP_PORT_80_TCP": "tcp://10.0.0.7:80",
            "BELLHOP_PORT_80_TCP_ADDR": "10.0.0.7",
            "BELLHOP_INTERNAL_SERVICE_PORT": "8081",
        }
    )

    assert "enableServiceLinks: false" in found[0]
    assert all(
        name in found[0]
        for name in ("BELLHOP_PORT,", "BELLHOP_SERVICE_HOST", "BELLHOP_INTERNAL_SERVICE_PORT")
    )
    assert len(found) == 2  # and the port itself, which cannot be used


def test_serving_needs_something_to_verify_tokens_with():
    assert "BELLHOP_JWT_SECRET" in problems({}, serving=True)[0]

    load({"BELLHOP_JWT_JWKS_URL": "https://id.example/keys"}, serving=True)


def test_a_wrong_key_is_not_also_reported_as_a_missing_one():
    assert len(problems({"BELLHOP_JWT_SECRET": "short"}, serving=True)) == 1


def test_the_two_sites_cannot_share_a_port():
    assert problems({"BELLHOP_PORT": "8081"}) == ("BELLHOP_PORT and BELLHOP_INTERNAL_PORT must differ.",)
    assert problems({"BELLHOP_PORT": "8081", "BELLHOP_HOST": "0.0.0.0"})

    assert problems({"BELLHOP_PORT": "8081", "BELLHOP_HOST": "::1,127.0.0.1"})
    assert problems({"BELLHOP_PORT": "8081", "BELLHOP_HOST": "::"})

    load({"BELLHOP_PORT": "0", "BELLHOP_INTERNAL_PORT": "0"})
    load({"BELLHOP_PORT": "8081", "BELLHOP_HOST": "unix:/run/bellhop.sock"})
    load({"BELLHOP_PORT": "8081", "BELLHOP_HOST": "10.0.0.1"})


def test_the_two_sites_cannot_share_a_unix_socket():
    shared = "unix:/run/bellhop.sock"
    (problem,) = problems(
        {"BELLHOP_HOST": f"127.0.0.1,{shared}", "BELLHOP_INTERNAL_HOST": "unix:///run/./bellhop.sock"}
    )

    assert problem == "BELLHOP_HOST and BELLHOP_INTERNAL_HOST must not share a unix socket."


def test_several_places_can_be_listened_on():
    in_force = load(
        {
            "BELLHOP_HOST": "0.0.0.0, [::1],::1 ,unix:/run/bellhop.sock,shop-1.internal",
            "BELLHOP_TRUSTED_PROXIES": "unix,10.0.0.1",
        }
    )

    assert in_force[SiteSettings].hosts == ("0.0.0.0", "::1", "unix:/run/bellhop.sock", "shop-1.internal")
    assert in_force[SiteSettings].trusted_proxies == ("unix", ipaddress.ip_network("10.0.0.1"))


def test_a_send_buffer_must_hold_a_notification():
    assert "BELLHOP_SEND_BUFFER_BYTES" in problems({"BELLHOP_SEND_BUFFER_BYTES": "100"})[0]

    load({"BELLHOP_SEND_BUFFER_BYTES": "0"})


def test_a_client_must_be_able_to_wait_for_a_ping():
    """setTimeout of JavaScript takes 31 bits of milliseconds, and ends at once what is longer: clients would come again without end."""
    assert "BELLHOP_PING_INTERVAL" in problems({"BELLHOP_PING_INTERVAL": "30d"})[0]

    load({"BELLHOP_PING_INTERVAL": "24d"})


# Files


def test_a_setting_may_come_from_a_file_without_its_last_newline(tmp_path: Path):
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n")

    in_force = load({"BELLHOP_JWT_SECRET_FILE": str(file)})

    assert in_force[KeySettings].jwt_secrets == (SECRET,)


def test_a_file_and_a_value_for_the_same_setting_are_one_too_many(tmp_path: Path):
    file = tmp_path / "port"
    file.write_text("8090")

    assert problems({"BELLHOP_PORT": "8090", "BELLHOP_PORT_FILE": str(file)}) == (
        "BELLHOP_PORT and BELLHOP_PORT_FILE are both set: keep one.",
    )


def test_a_file_that_is_not_text_is_named(tmp_path: Path):
    file = tmp_path / "port"
    file.write_bytes(b"\xff\xfe")

    assert problems({"BELLHOP_PORT_FILE": str(file)}) == (
        "BELLHOP_PORT_FILE: cannot read the file: not UTF-8 text.",
    )


# What nobody can have meant

RIGHT = {
    "HOST": "127.0.0.1", "PORT": "8090", "BASE_URL": "https://shop.example", "TRUSTED_PROXIES": "10.0.0.0/8,::1",
    "CORS_ORIGINS": "https://shop.example", "TRANSPORTS": "polling", "PING_INTERVAL": "25s", "NODE_ID": "a",
    "STORE_URL": "sqlite:///x.db", "BUS_URL": "redis://localhost", "BUS_PREFIX": "shop", "LOG_LEVEL": "info",
    "LOG_FORMAT": "json", "JWT_SECRET": SECRET, "JWT_JWKS_URL": "https://id.example/keys", "JWT_AUDIENCE": "shop",
    "JWT_ISSUER": "https://id.example", "API_KEYS": f"shop:{KEY}", "MAIL_URL": "spool:///mail",
    "MAIL_FROM": "Shop <a@b.example>", "MAIL_TEMPLATES": "/", "MAIL_WORKER": "true", "MAIL_ATTEMPTS": "3",
    "CONNECT_RATE": "20.5",
}  # fmt: skip
"""A setting of each kind."""
UNSEEN = [
    "\r",
    "\n",
    " ",
    "\t",
    "\u00a0",
    "\u200b",
    "\u200d",
    "\u2060",
    "\u200e",
    "\ufeff",
    "\u3000",
    "\u2028",
]


@pytest.mark.parametrize("name", RIGHT)
def test_a_value_with_what_nobody_sees_at_its_ends_is_refused_by_name(name: str):
    variable = f"BELLHOP_{name}"
    assert load({variable: RIGHT[name]})

    for unseen in UNSEEN:
        for wrong in (RIGHT[name] + unseen, unseen + RIGHT[name]):
            [found] = problems({variable: wrong})
            assert found.startswith((f"{variable} begins with ", f"{variable} ends with "))
            assert f"U+{ord(unseen):04X}" in found


@pytest.mark.parametrize("quote", ["'", '"'])
@pytest.mark.parametrize("name", RIGHT)
def test_a_value_in_quotes_is_refused_by_name(name: str, quote: str):
    [found] = problems({f"BELLHOP_{name}": quote + RIGHT[name] + quote})

    assert found.startswith(f"BELLHOP_{name} is in quotes")


@pytest.mark.parametrize("name", ["JWT_SECRET", "JWT_AUDIENCE", "HOST", "STORE_URL", "MAIL_TEMPLATES"])
def test_a_value_of_several_lines_is_refused_by_name(name: str):
    [found] = problems({f"BELLHOP_{name}": f"{RIGHT[name]}\n{RIGHT[name]}"})

    assert found.startswith(f"BELLHOP_{name} ")


@pytest.mark.parametrize("unseen", ["\u00a0", "\u200b", "\n"])
@pytest.mark.parametrize("name", ["JWT_SECRET", "API_KEYS", "CORS_ORIGINS", "TRUSTED_PROXIES", "TRANSPORTS"])
def test_what_nobody_sees_beside_a_comma_is_refused_by_name(name: str, unseen: str):
    [found] = problems({f"BELLHOP_{name}": f"{RIGHT[name]}{unseen}, {RIGHT[name]}"})

    assert found.startswith(f"BELLHOP_{name} has an item that ends with")


def test_blanks_beside_a_comma_mean_nothing():
    assert load({"BELLHOP_JWT_SECRET": f"{SECRET} , {'t' * 32}"})[KeySettings].jwt_secrets == (
        SECRET,
        "t" * 32,
    )


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\r"])
@pytest.mark.parametrize("begin", ["", "\ufeff"])
@pytest.mark.parametrize("name", RIGHT)
def test_a_file_may_have_a_byte_order_mark_and_one_line_end(tmp_path: Path, name: str, begin: str, end: str):
    file = tmp_path / "value"
    file.write_bytes((begin + RIGHT[name] + end).encode())

    own = {} if name == "NODE_ID" else {"BELLHOP_NODE_ID": "a"}
    assert load(own | {f"BELLHOP_{name}_FILE": str(file)}) == load(own | {f"BELLHOP_{name}": RIGHT[name]})


@pytest.mark.parametrize(
    "content", [SECRET + "\n\n", SECRET + " \n", "\n" + SECRET, SECRET + "\u00a0", "\ufeff\ufeff" + SECRET]
)
def test_anything_else_at_the_ends_of_a_file_is_refused_by_name(tmp_path: Path, content: str):
    file = tmp_path / "secret"
    file.write_bytes(content.encode())

    [found] = problems({"BELLHOP_JWT_SECRET_FILE": str(file)})

    assert found.startswith("BELLHOP_JWT_SECRET_FILE ")
    assert SECRET not in found


@pytest.mark.parametrize("content", [b"", b"\n", b"\r\n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_named(tmp_path: Path, content: bytes):
    file = tmp_path / "secret"
    file.write_bytes(content)

    assert problems({"BELLHOP_JWT_SECRET_FILE": str(file)}) == (
        "BELLHOP_JWT_SECRET_FILE: the file is empty.",
    )


def test_a_file_without_an_end_is_not_read_to_its_end():
    [found] = problems({"BELLHOP_JWT_SECRET_FILE": "/dev/zero"})

    assert found == f"BELLHOP_JWT_SECRET_FILE: the file has more than {FILE_BYTES_MAX} bytes."


def test_the_path_of_a_file_is_looked_at_too():
    [found] = problems({"BELLHOP_JWT_SECRET_FILE": "/run/secrets/jwt\r"})

    assert found.startswith("BELLHOP_JWT_SECRET_FILE: the path ends with a carriage return (U+000D)")


def test_a_key_in_pem_may_have_blank_lines_around_it(tmp_path: Path):
    file = tmp_path / "key.pem"
    file.write_text("\n-----BEGIN PUBLIC KEY-----\nx\n-----END PUBLIC KEY-----\n\n")

    assert load({"BELLHOP_JWT_PUBLIC_KEY_FILE": str(file)})[KeySettings].jwt_public_key is not None


# What is shown


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://:hunter2@h:1/0", "redis://:***@h:1/0"),
        ("redis://hunter2@h", "redis://***@h"),
        ("mongodb://u:hunter2@a:1,b:2/x?w=majority", "mongodb://u:***@a:1,b:2/x?w=majority"),
        ("mongodb://u:hunt@er2@a/x", "mongodb://u:***@a/x"),
        ("unix:///run/redis?db=1&password=hunter2", "unix:///run/redis?db=1&password=***"),
        (
            "mongodb://h/?tlsCertificateKeyFilePassword=hunter2",
            "mongodb://h/?tlsCertificateKeyFilePassword=***",
        ),
        ("sqlite:///var/bellhop.db", "sqlite:///var/bellhop.db"),
        ("user:hunter2@host", "***"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, shown: str):
    assert masked_url(url) == shown


def test_the_survey_says_what_is_in_force_and_where_it_came_from(tmp_path: Path):
    file = tmp_path / "keys"
    file.write_text(f"shop:{KEY},crm:{KEY}")
    environ = {
        "BELLHOP_STORE_URL": "mongodb://u:hunter2@h/db",
        "BELLHOP_API_KEYS_FILE": str(file),
        "BELLHOP_JWT_SECRET": f"{SECRET},{SECRET}",
        "BELLHOP_JWT_PUBLIC_KEY": "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
    }

    entries = {entry.setting.name: (entry.shown, entry.origin) for entry in survey(environ)}

    assert entries["STORE_URL"] == ("mongodb://u:***@h/db", SettingSource.ENVIRONMENT)
    assert entries["API_KEYS"] == ("shop:***,crm:***", SettingSource.FILE)
    assert entries["JWT_SECRET"] == ("***,***", SettingSource.ENVIRONMENT)
    assert entries["JWT_PUBLIC_KEY"][0] == "-----BEGIN PUBLIC KEY----- …"
    assert entries["PORT"] == ("8080", SettingSource.DEFAULT)
    assert len(entries) == len(SETTINGS)


def test_the_survey_also_shows_what_is_wrong():
    entries = {
        entry.setting.name: entry.shown
        for entry in survey({"BELLHOP_PORT": "x", "BELLHOP_API_KEYS": "hunter2"})
    }

    assert entries["PORT"] == "x"
    assert entries["API_KEYS"] == "***"


def test_no_secret_is_in_the_repr():
    in_force = load(
        {
            "BELLHOP_STORE_URL": "mongodb://u:hunter2@h/db",
            "BELLHOP_BUS_URL": "redis://:hunter2@h",
            "BELLHOP_MAIL_URL": "smtp://u:hunter2@h",
            "BELLHOP_JWT_SECRET": "hunter2" * 5,
            "BELLHOP_API_KEYS": f"shop:{'hunter2' * 5}",
            "BELLHOP_JWT_JWKS_URL": "https://u:hunter2@h/keys",
        }
    )

    assert "hunter2" not in repr(in_force)


def test_the_reference_has_a_row_for_each():
    table = markdown()

    assert all(f"| `{setting.variable}` |" in table for setting in SETTINGS)
    assert table.count("\n") == len(SETTINGS) + 1
    assert all(setting.help for setting in SETTINGS)


@pytest.mark.parametrize(
    "name",
    ["shop.example", "node-7.eu.shop.example", "[192.0.2.1]", "[IPv6:2001:db8::1]", "xn--bcher-kva.example"],
)
def test_a_name_to_greet_the_mail_server_with_is_a_full_one_or_an_address(name: str):
    assert load({"BELLHOP_MAIL_HELO": name})[MailSettings].helo == name


@pytest.mark.parametrize(
    "name",
    [
        "shop", "shop.example.", "a..b", "-a.example", "a_b.example", "a b.example", "192.0.2.1", "[192.0.2.256]", "bücher.example",
        "[2001:db8::1]", "[IPv6:192.0.2.1]", "shop.example\nQUIT", f"{'a' * 64}.example", f"{'a.' * 130}example",
    ],
)  # fmt: skip
def test_a_name_that_mail_servers_would_refuse_is_refused_at_start(name: str):
    (problem,) = problems({"BELLHOP_MAIL_HELO": name})

    assert problem.startswith("BELLHOP_MAIL_HELO ")


def lanes(settings: Settings) -> tuple[Lane, Lane]:
    mail, bulk = settings[MailSettings], settings[BulkSettings]
    presses = presses_of(mail, bulk, base_url=None)
    return lanes_of(mail, bulk, presses, seals_of(settings), connect(settings[ClusterSettings]).budget)


def test_the_mail_server_gets_what_the_settings_say():
    settings = load(
        {
            "BELLHOP_MAIL_URL": "smtp://mail.example?starttls=never",
            "BELLHOP_MAIL_HELO": "shop.example",
            "BELLHOP_MAIL_TIMEOUT": "90s",
            "BELLHOP_MAIL_PER_SESSION": "7",
        }
    )

    for lane in lanes(settings):
        transport = lane.transport
        assert isinstance(transport, SMTPTransport)
        relay = transport._relay
        assert (relay.host, relay.helo) == ("mail.example", "shop.example")
        assert (relay.step_seconds, relay.handover_seconds) == (90, 180)
        assert transport._session_mails == 7


@pytest.mark.parametrize(
    ("given", "expected"),
    [({}, 2), ({"MAIL_CONCURRENCY": "1"}, 1), ({"BULK_CONCURRENCY": "5"}, 5)],
)
def test_bulk_mail_has_a_quarter_of_the_concurrency_unless_it_is_set(given: dict[str, str], expected: int):
    settings = load({f"BELLHOP_{name}": value for name, value in given.items()})

    _, bulk = lanes(settings)

    assert bulk.concurrency == expected


def test_what_is_set_for_bulk_mail_is_its_own():
    settings = load(
        {
            "BELLHOP_MAIL_URL": "smtp://mail.example",
            "BELLHOP_MAIL_REPLY_TO": "shop@shop.example",
            "BELLHOP_BULK_URL": "smtp://bulk.example",
            "BELLHOP_BULK_FROM": "News <news@shop.example>",
            "BELLHOP_BULK_RATE": "2.5",
        }
    )

    transactional, bulk = lanes(settings)

    assert isinstance(transactional.transport, SMTPTransport)
    assert isinstance(bulk.transport, SMTPTransport)
    assert transactional.transport._relay.host == "mail.example"
    assert bulk.transport._relay.host == "bulk.example"
    assert (transactional.press is bulk.press, isinstance(bulk.budget, LocalBudget)) == (False, True)
    assert isinstance(transactional.budget, Unlimited)


@pytest.mark.parametrize("rate", ["-1", "0.0009", "many"])
def test_a_rate_that_no_mail_could_keep_to_is_refused(rate: str):
    (problem,) = problems({"BELLHOP_BULK_RATE": rate})

    assert problem.startswith("BELLHOP_BULK_RATE must be")
