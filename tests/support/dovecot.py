"""A Dovecot of a test's own: Debian's program, with its own configuration, mailboxes and ports, ended by its own process id.

It has one user, whose mail lies in a Maildir below its folder. It wants to be root, as every Dovecot does that is no user's own.
"""

import asyncio
import itertools
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.authority import Authority
from tests.support.servers import START_SECONDS, ServerMissing, free_port

USER, PASSWORD = "bounces", 'a password of the tests\\"'
_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Mailbox:
    """The user's mail, and how it is reached."""

    folder: Path
    port: int
    tls_port: int
    cafile: Path

    def put(self, raw: bytes) -> None:
        """A message comes."""
        name = f"{next(_numbers)}.test"
        written = self.folder / "mail" / "tmp" / name
        written.write_bytes(raw)
        written.rename(self.folder / "mail" / "new" / name)

    def letter_of(self, keyword: str) -> str | None:
        """By which the names of files tell that a message has this keyword; None before any had it."""
        known = self.folder / "mail" / "dovecot-keywords"
        lines = known.read_text().splitlines() if known.exists() else []
        number = next((line.split()[0] for line in lines if line.endswith(f" {keyword}")), None)
        return None if number is None else chr(ord("a") + int(number))

    def read(self, name: str = "") -> list[bytes]:
        """The messages in a folder; in the inbox when it has no name."""
        return [file.read_bytes() for file in self.files(name)]

    def files(self, name: str = "") -> list[Path]:
        """The same as files, whose names tell their flags."""
        folder = self.folder / "mail" / (f".{name}" if name else "")
        parts = [folder / part for part in ("new", "cur")]
        return [file for part in parts if part.is_dir() for file in sorted(part.iterdir())]


def dovecot_program() -> str:
    found = shutil.which("dovecot") or shutil.which("dovecot", path="/usr/sbin")
    if found is None or os.geteuid() != 0:
        raise ServerMissing("a Dovecot needs root, and Debian's package dovecot-imapd")
    return found


@asynccontextmanager
async def dovecot(**settings: str) -> AsyncIterator[Mailbox]:
    """One that listens on loopback, in the clear and by TLS; `settings` are lines of dovecot.conf."""
    program = dovecot_program()
    # Short, since sockets have their names below it; open to all, since Dovecot goes about as a user of its own.
    with tempfile.TemporaryDirectory(prefix="bh-dc-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        authority = Authority.make(folder / "tls")
        for part in ("new", "cur", "tmp"):
            (folder / "mail" / part).mkdir(parents=True)
        for path in (folder / "mail", *(folder / "mail").iterdir()):
            shutil.chown(path, "mail", "mail")
        (folder / "users").write_text(f"{USER}:{{PLAIN}}{PASSWORD}::::::\n")
        mailbox = Mailbox(folder, free_port(), free_port(), authority.cafile)
        (folder / "dovecot.conf").write_text(_configuration(folder, mailbox, settings))
        with (folder / "log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                program, "-F", "-c", str(folder / "dovecot.conf"), stdout=log, stderr=log
            )
        try:
            await _until_it_listens(mailbox, process)
            yield mailbox
        finally:
            process.terminate()
            await asyncio.wait_for(process.wait(), START_SECONDS)


def _configuration(folder: Path, mailbox: Mailbox, settings: dict[str, str]) -> str:
    given = {
        "base_dir": f"{folder}/run",
        "state_dir": f"{folder}/state",
        "log_path": f"{folder}/log",
        "listen": "127.0.0.1",
        "protocols": "imap",
        "ssl": "yes",
        "ssl_cert": f"<{folder}/tls/server.pem",
        "ssl_key": f"<{folder}/tls/server.key",
        "disable_plaintext_auth": "no",
        "mail_location": f"maildir:{folder}/mail",
        "mail_uid": "mail",
        "mail_gid": "mail",
        "first_valid_uid": "1",
        "first_valid_gid": "1",
        "mail_fsync": "never",
        "default_internal_user": "dovecot",
        "default_login_user": "dovenull",
    } | settings
    lines = [f"{key} = {value}" for key, value in given.items()]
    ports = f"inet_listener imap {{\n port = {mailbox.port}\n }}\n inet_listener imaps {{\n port = {mailbox.tls_port}\n ssl = yes\n }}"
    return "\n".join(
        [
            *lines,
            f"service imap-login {{\n {ports}\n chroot =\n}}",
            f"passdb {{\n driver = passwd-file\n args = scheme=PLAIN {folder}/users\n}}",
            f"userdb {{\n driver = static\n args = uid=mail gid=mail home={folder}/mail\n}}",
            "",
        ]
    )


async def _until_it_listens(mailbox: Mailbox, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(START_SECONDS):
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", mailbox.port)
            except OSError:
                if process.returncode is not None:
                    said = (mailbox.folder / "log").read_text()
                    raise RuntimeError(f"Dovecot did not start: {said[-2000:]}") from None
                await asyncio.sleep(0.05)
            else:
                await reader.readline()
                writer.close()
                return
