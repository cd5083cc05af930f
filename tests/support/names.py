"""A DNS server of a test's own: dnsmasq, with the records that it is told and no others."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.servers import START_SECONDS, ServerMissing, free_port


def dnsmasq_program() -> str:
    found = shutil.which("dnsmasq") or shutil.which("dnsmasq", path="/usr/sbin")
    if found is None:
        raise ServerMissing("a DNS server needs Debian's package dnsmasq-base")
    return found


def txt(name: str, text: str) -> str:
    """A TXT record, in as many strings as it takes."""
    pieces = [text[at : at + 255] for at in range(0, len(text), 255)] or [""]
    return f"txt-record={name}," + ",".join(f'"{piece}"' for piece in pieces)


@asynccontextmanager
async def dns_server(records: Sequence[str]) -> AsyncIterator[str]:
    """Answers by these lines of dnsmasq's configuration; where it listens, as `address:port`."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="bh-dns-") as name:
        configuration = Path(name) / "dnsmasq.conf"
        fixed = (
            f"port={port}", "listen-address=127.0.0.1", "bind-interfaces", "no-resolv", "no-hosts", "no-daemon",
            "user=root", "local=/example/", "local=/in-addr.arpa/", "pid-file=",
        )  # fmt: skip
        configuration.write_text("\n".join((*fixed, *records)) + "\n")
        process = await asyncio.create_subprocess_exec(
            dnsmasq_program(), f"--conf-file={configuration}",
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stderr is not None
        async with asyncio.timeout(START_SECONDS):
            while b"started" not in (line := await process.stderr.readline()):
                if not line:
                    raise RuntimeError("dnsmasq did not start")
        reading = asyncio.create_task(process.stderr.read())
        try:
            yield f"127.0.0.1:{port}"
        finally:
            process.terminate()
            await process.wait()
            await reading
