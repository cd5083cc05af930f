"""A Postfix of a test's own: Debian's program, with its own configuration, queue and port, ended by its own command.

It hands on what it takes to a sink (`SMTPRelay`), and asks small servers that stand in for what surrounds a Postfix: a
policy service (greylisting, quotas) and Dovecot's authentication. It wants to be root, as every Postfix does.
"""

import asyncio
import base64
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.servers import START_SECONDS, ServerMissing, free_port

SERVICES = """\
cleanup   unix  n  -  n  -  0  cleanup
qmgr      unix  n  -  n  300  1  qmgr
rewrite   unix  -  -  n  -  -  trivial-rewrite
bounce    unix  -  -  n  -  0  bounce
defer     unix  -  -  n  -  0  bounce
trace     unix  -  -  n  -  0  bounce
proxymap  unix  -  -  n  -  -  proxymap
smtp      unix  -  -  n  -  -  smtp
lmtp      unix  -  -  n  -  -  lmtp
error     unix  -  -  n  -  -  error
retry     unix  -  -  n  -  -  error
anvil     unix  -  -  n  -  1  anvil
scache    unix  -  -  n  -  1  scache
postlog   unix-dgram  n  -  n  -  1  postlogd
"""

Decide = Callable[[Mapping[str, str]], str]
"""Answers a policy request, by its attributes, with an action (access(5))."""


def postfix_program() -> str:
    found = shutil.which("postfix") or shutil.which("postfix", path="/usr/sbin")
    if found is None or os.geteuid() != 0:
        raise ServerMissing("a Postfix needs root, and Debian's package postfix")
    return found


@asynccontextmanager
async def postfix(sink_port: int, *, services: str = "", **settings: str) -> AsyncIterator[int]:
    """A Postfix that takes mail for everybody from this machine, unless `settings` (main.cf) say otherwise; its port.

    `services` are further lines of master.cf.
    """
    program, port = postfix_program(), free_port()
    # Short, since sockets have their names below it; open to all, since Postfix goes about as a user of its own.
    with tempfile.TemporaryDirectory(prefix="bh-pf-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        given = {
            "compatibility_level": "3.6",
            "queue_directory": f"{folder}/queue",
            "data_directory": f"{folder}/data",
            "maillog_file": f"{folder}/log",
            "maillog_file_prefixes": str(folder),
            "myhostname": "mx.relay.example",
            "mydestination": "",
            "inet_interfaces": "127.0.0.1",
            "inet_protocols": "ipv4",
            "mynetworks": "127.0.0.0/8",
            "alias_maps": "",
            "alias_database": "",
            "local_recipient_maps": "",
            "relayhost": f"[127.0.0.1]:{sink_port}",
            "smtp_dns_support_level": "disabled",
            "smtp_tls_security_level": "none",
            "smtpd_peername_lookup": "no",
        } | settings
        (folder / "main.cf").write_text("".join(f"{key} = {value}\n" for key, value in given.items()))
        (folder / "master.cf").write_text(f"127.0.0.1:{port} inet n - n - - smtpd\n{SERVICES}{services}")
        (folder / "queue").mkdir()
        (folder / "data").mkdir()
        shutil.chown(folder / "data", "postfix")
        with (folder / "output").open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                program, "-c", name, "start-fg", stdout=output, stderr=output
            )
        try:
            await _until_it_answers(port, process, folder)
            yield port
        finally:
            stopping = await asyncio.create_subprocess_exec(
                program, "-c", name, "stop", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            await stopping.wait()
            await asyncio.wait_for(process.wait(), START_SECONDS)


async def _until_it_answers(port: int, process: asyncio.subprocess.Process, folder: Path) -> None:
    async with asyncio.timeout(START_SECONDS):
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                if process.returncode is not None:
                    said = "".join(
                        path.read_text() for path in (folder / "output", folder / "log") if path.exists()
                    )
                    raise RuntimeError(f"Postfix did not start: {said[-2000:]}") from None
                await asyncio.sleep(0.05)
                continue
            await reader.readline()
            writer.close()
            return


@asynccontextmanager
async def policy_service(decide: Decide) -> AsyncIterator[str]:
    """What Postfix asks about each recipient (SMTPD_POLICY_README); answers the restriction that asks it."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        attributes: dict[str, str] = {}
        while line := (await reader.readline()).decode():
            key, separator, value = line.rstrip("\n").partition("=")
            if separator:
                attributes[key] = value
                continue
            writer.write(f"action={decide(attributes)}\n\n".encode())
            attributes = {}
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"check_policy_service inet:127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


@asynccontextmanager
async def logins(users: Mapping[str, str]) -> AsyncIterator[dict[str, str]]:
    """Dovecot's authentication service, as far as Postfix speaks to it; answers the settings that use it."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"VERSION\t1\t1\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\t00\nDONE\n")
        while line := (await reader.readline()).decode().rstrip("\n"):
            word, *fields = line.split("\t")
            if word != "AUTH":
                continue
            given = next(field[5:] for field in fields if field.startswith("resp="))
            _, user, password = base64.b64decode(given).decode().split("\0")
            ok = users.get(user) == password
            writer.write(f"{'OK' if ok else 'FAIL'}\t{fields[0]}\tuser={user}\n".encode())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield {
            "smtpd_sasl_auth_enable": "yes",
            "smtpd_sasl_type": "dovecot",
            "smtpd_sasl_path": f"inet:127.0.0.1:{server.sockets[0].getsockname()[1]}",
            "smtpd_sasl_security_options": "noanonymous",
        }
    finally:
        server.close()
