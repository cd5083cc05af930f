"""A real nginx on loopback, in front of a gateway, with the configuration that the documents give to operators."""

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.servers import Server, ServerMissing, listening

DOCUMENT = Path(__file__).parents[2] / "docs" / "operating.md"


def nginx_program() -> str:
    # Debian keeps it off a user's path.
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise ServerMissing("no nginx here: install the package nginx")
    return found


def documented(upstream: str) -> str:
    """The documents' configuration of a server for `/notify/`, with the gateway's address put into it."""
    (block,) = re.findall(r"```nginx\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    assert "127.0.0.1:8080" in block
    return block.replace("127.0.0.1:8080", upstream)


@contextmanager
def nginx(port: int, configuration: str) -> Iterator[Server]:
    """Serves `configuration`, which stands in `http` and listens on `port`."""
    with tempfile.TemporaryDirectory(prefix="bellhop-nginx-") as name:
        folder = Path(name)
        temporary = "".join(
            f"{kind}_temp_path {folder}/{kind};\n"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        (folder / "nginx.conf").write_text(
            f"daemon off;\nmaster_process off;\npid {folder}/pid;\nerror_log stderr warn;\n"
            "events { worker_connections 512; }\n"
            f"http {{\naccess_log off;\n{temporary}{configuration}\n}}\n"
        )
        command = [nginx_program(), "-p", name, "-c", str(folder / "nginx.conf"), "-e", "stderr"]
        server = Server(command, ready=listening(port), url=f"http://127.0.0.1:{port}", folder=folder)
        server.start()
        try:
            yield server
        finally:
            server.stop()
