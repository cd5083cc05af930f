"""Keys that mail is signed with, and OpenDKIM, which verifies what arrives as mail servers do.

It finds the public halves in a file instead of the DNS, and filters what a Postfix takes in.
"""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from mailer.signing_keys import PrivateKey, SigningKey
from tests.support.servers import START_SECONDS, ServerMissing, free_port


def pem(key: PrivateKey, form: str = "PKCS8") -> str:
    """The key as operators have it: `PKCS8`, or `TraditionalOpenSSL` for PKCS#1."""
    return key.private_bytes(
        serialization.Encoding.PEM, getattr(serialization.PrivateFormat, form), serialization.NoEncryption()
    ).decode()


def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


def ed25519_key() -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.generate()


def record(key: SigningKey) -> str:
    """What the DNS says of it."""
    kind = "rsa" if key.algorithm == "rsa-sha256" else "ed25519"
    return f"v=DKIM1; k={kind}; p={key.public()}"


def opendkim_program() -> str:
    found = shutil.which("opendkim") or shutil.which("opendkim", path="/usr/sbin")
    if found is None:
        raise ServerMissing("what verifies signatures needs Debian's package opendkim")
    return found


@asynccontextmanager
async def opendkim(keys: Sequence[SigningKey]) -> AsyncIterator[int]:
    """An OpenDKIM that verifies what a Postfix takes in, by these keys; the port of its filter."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="bh-dkim-") as name:
        folder = Path(name)
        published = folder / "keys"
        published.write_text(
            "".join(f"{key.selector}._domainkey.{key.domain} {record(key)}\n" for key in keys)
        )
        configuration = folder / "opendkim.conf"
        configuration.write_text(
            f"Mode v\nSocket inet:{port}@127.0.0.1\nTestPublicKeys {published}\nBackground no\nSyslog no\n"
            "AuthservID verifier.example\nAlwaysAddARHeader yes\nInternalHosts /dev/null\nMilterDebug 0\n"
        )
        process = await asyncio.create_subprocess_exec(
            opendkim_program(), "-f", "-x", str(configuration), "-u", "root",
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            await _until_it_listens(port, process)
            yield port
        finally:
            process.terminate()
            await process.communicate()


async def _until_it_listens(port: int, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(START_SECONDS):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                if process.returncode is not None:
                    assert process.stderr is not None
                    said = (await process.stderr.read()).decode()
                    raise RuntimeError(f"OpenDKIM did not start: {said[-2000:]}") from None
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return
