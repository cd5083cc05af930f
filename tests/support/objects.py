"""A server that speaks S3, on loopback: moto's, whose buckets last as long as it does."""

import sys
import tempfile
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.servers import Server, free_port, listening

KEY_ID, SECRET = "a-key-of-the-tests", "a-secret-of-the-tests"


@dataclass(frozen=True, slots=True)
class Objects:
    server: Server

    @property
    def endpoint(self) -> str:
        return self.server.url

    def bucket(self) -> str:
        """The name of a new one."""
        name = f"archive-{uuid.uuid4().hex[:12]}"
        asked = urllib.request.Request(f"{self.endpoint}/{name}", method="PUT")  # noqa: S310 - our own server
        with urllib.request.urlopen(asked, timeout=20):  # noqa: S310 - as above
            return name

    def url(self, bucket: str, folder: str = "old") -> str:
        """What BELLHOP_ARCHIVE_URL says of it."""
        return f"s3://{KEY_ID}:{SECRET}@{bucket}/{folder}?endpoint={self.endpoint}&region=us-east-1"


@contextmanager
def objects() -> Iterator[Objects]:
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="bellhop-objects-") as name:
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        server = Server(command, ready=listening(port), url=f"http://127.0.0.1:{port}", folder=Path(name))
        server.start()
        try:
            yield Objects(server)
        finally:
            server.stop()
