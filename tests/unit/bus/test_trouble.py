"""What is told of a trouble: the words of who refused, and no secret; once when it changes."""

import asyncio
import logging
import socket
import ssl

import pytest

from gateway.cluster.redis.address import RedisAddress
from gateway.cluster.redis.resp import ServerError, Wire
from gateway.cluster.redis.trouble import Trouble, words
from tests.support import servers

log = logging.getLogger("tests.trouble")


def untrusted() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] at 10.0.0.1")
    error.verify_message = "self-signed certificate"
    return error


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (ServerError("WRONGPASS invalid username-password pair"), "WRONGPASS invalid username-password pair"),
        (
            ServerError("ERR unknown command 'AUTH', with args beginning with: 'bob' 'secret' "),
            "ERR unknown command 'AUTH'",
        ),
        (
            ServerError(
                "ERR Error running script (call to f_0a1b): @user_script:37: @user_script: 37: "
                "-OOM command not allowed when used memory > 'maxmemory'."
            ),
            "OOM command not allowed when used memory > 'maxmemory'.",
        ),
        (
            ServerError(
                "READONLY You can't write against a read only replica. script: 0a1b, on @user_script:9."
            ),
            "READONLY You can't write against a read only replica.",
        ),
        (ServerError("x" * 500), "x" * 200),
        (ServerError("a\x1b[31m\r\nb"), "a [31m  b"),
        (untrusted(), "its certificate is not trusted: self-signed certificate"),
        (ssl.SSLError(1, "wrong"), "no TLS: SSLError"),
        (
            socket.gaierror(-2, "Name or service not known"),
            "its name is not found: Name or service not known",
        ),
        (ConnectionRefusedError(111, "Connect call failed ('10.0.0.1', 6379)"), "Connection refused"),
        (
            OSError("Multiple exceptions: [Errno 111] Connect call failed ('::1', 1), [Errno 111] …"),
            "Connection refused",
        ),
        (TimeoutError(), "no answer in time"),
        (TimeoutError("Redis does not answer"), "Redis does not answer"),
        (OSError(), "OSError"),
        (ValueError("secret"), "ValueError"),
    ],
)
def test_what_is_told(problem, said):
    assert words(problem) == said


def test_a_trouble_is_said_when_it_begins_when_it_changes_and_when_it_ends(caplog):
    trouble = Trouble(log, "part")
    with caplog.at_level(logging.INFO):
        for problem in (
            TimeoutError(),
            TimeoutError(),
            ServerError("OOM"),
            ServerError("OOM"),
            TimeoutError(),
        ):
            trouble.found(problem)
        assert trouble.told("it is ill") == "it is ill: no answer in time"
        trouble.over()
        trouble.over()

    told = [(each.levelname, each.message, getattr(each, "problem", None)) for each in caplog.records]
    assert told == [
        ("WARNING", "part away", "no answer in time"),
        ("WARNING", "part away", "OOM"),
        ("WARNING", "part away", "no answer in time"),
        ("INFO", "part back", None),
    ]
    assert trouble.told("it is ill") == "it is ill"


def test_the_trace_of_what_is_our_own_doing_is_kept(caplog):
    try:
        raise ZeroDivisionError
    except ZeroDivisionError as problem:
        Trouble(log, "part").found(problem)

    assert caplog.records[0].exc_info


async def test_what_asyncio_says_of_a_name_with_several_addresses_names_none_of_them():
    with pytest.raises(OSError) as caught:
        await RedisAddress.parse(f"redis://localhost:{servers.free_port()}").open(Wire(), timeout_seconds=2)

    assert words(caught.value) == "Connection refused"


def test_the_loop_of_production_says_the_same():
    import uvloop

    async def tell() -> str:
        try:
            await RedisAddress.parse("redis://nowhere.invalid").open(Wire(), timeout_seconds=5)
        except OSError as problem:
            return words(problem)
        return ""

    assert {run(tell()).partition(":")[0] for run in (asyncio.run, uvloop.run)} == {"its name is not found"}
