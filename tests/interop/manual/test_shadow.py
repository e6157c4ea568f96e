"""The lines of nginx in docs/migration.md give a second instance a copy of each request, and the client the old answer."""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import SimpleQueue

from tests.attack.nginx import nginx_program
from tests.servers import ROOT, START_TIMEOUT, free_port, wait_for_port

PAGE = (ROOT / "docs" / "migration.md").read_text(encoding="utf-8")
CONFIGURATION = """\
daemon off; pid {folder}/pid; error_log {folder}/log;
events {{ }}
http {{
    access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    scgi_temp_path {folder}/scgi; uwsgi_temp_path {folder}/uwsgi;
    upstream old_site {{ server 127.0.0.1:{old}; }}
    upstream shadow {{ server 127.0.0.1:{shadow}; }}
    server {{ listen 127.0.0.1:{port}; {lines} }}
}}
"""


class Recorder(ThreadingHTTPServer):
    """Answers every POST with its name, and keeps the path and body of each."""

    def __init__(self, name: bytes) -> None:
        self.seen: SimpleQueue[tuple[str, bytes]] = SimpleQueue()
        seen = self.seen

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                seen.put((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.send_header("Content-Length", str(len(name)))
                self.end_headers()
                self.wfile.write(name)

            def log_message(self, *_: object) -> None:
                """Nothing."""

        super().__init__(("127.0.0.1", 0), Handler)


@contextmanager
def running(name: bytes) -> Iterator[Recorder]:
    with Recorder(name) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@contextmanager
def nginx(folder: Path, old: Recorder, shadow: Recorder) -> Iterator[int]:
    """Its port."""
    (lines,) = re.findall(r"^```nginx\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    ports = {"old": old.server_port, "shadow": shadow.server_port, "port": free_port()}
    (folder / "nginx.conf").write_text(CONFIGURATION.format(folder=folder, lines=lines, **ports))
    process = subprocess.Popen([nginx_program(), "-c", str(folder / "nginx.conf"), "-e", str(folder / "log")])
    try:
        wait_for_port(process, ports["port"], folder / "log")
        yield ports["port"]
    finally:
        process.terminate()
        process.wait(START_TIMEOUT)


def test_the_shadow_gets_what_the_old_site_gets_and_its_answer_goes_nowhere(tmp_path: Path) -> None:
    with running(b"old") as old, running(b"shadow") as shadow, nginx(tmp_path, old, shadow) as port:
        client = HTTPConnection("127.0.0.1", port, timeout=START_TIMEOUT)
        client.request("POST", "/API/order/cancel/?a=b", b"a body", {"Content-Type": "application/json"})
        assert client.getresponse().read() == b"old"
        sent = ("/API/order/cancel/?a=b", b"a body")
        assert old.seen.get(timeout=START_TIMEOUT) == sent
        assert shadow.seen.get(timeout=START_TIMEOUT) == sent
        client.close()
