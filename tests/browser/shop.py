"""The shop's web server: one page with the jQuery of Debian. Its two host names are two origins to a browser."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

JQUERY = Path("/usr/share/javascript/jquery/jquery.min.js")

_PAGE = b'<!DOCTYPE html><meta charset="utf-8"><title>Shop</title><script src="/jquery.js"></script>'


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        content, media_type = (
            (JQUERY.read_bytes(), "text/javascript") if self.path == "/jquery.js" else (_PAGE, "text/html")
        )
        self.send_response(200)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@dataclass(frozen=True)
class Shop:
    """Two origins of which the service lists one."""

    listed: str
    unlisted: str


@contextmanager
def shop() -> Iterator[Shop]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        port = server.server_address[1]
        yield Shop(f"http://localhost:{port}", f"http://127.0.0.1:{port}")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
