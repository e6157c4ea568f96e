"""The site of deploy/nginx in Debian's nginx, on loopback: the files as shipped, under Debian's own nginx.conf.

Of the three files that an operator writes, the tests write their own: nodes, names and origins.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from http.client import HTTPSConnection
from itertools import cycle
from pathlib import Path

from tests.attack.nginx import nginx_program
from tests.servers import ROOT, START_TIMEOUT, free_port, wait_for_port

from .certificates import Certificate, make_certificate

SHIPPED = ROOT / "deploy" / "nginx"
DEBIAN = Path("/etc/nginx/nginx.conf")
LISTED = "https://shop.example.com"
"""The one origin that is listed in the tests."""
TIMEOUT = 40.0

_sources = cycle([f"127.0.1.{n}" for n in range(1, 255)])
_TEMPORARY = ("client_body", "proxy", "fastcgi", "scgi", "uwsgi")


@dataclass(frozen=True)
class Site:
    """A running nginx with the site: its port, what its clients have to trust, where its logs are."""

    port: int
    certificate: Certificate
    folder: Path

    @cached_property
    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.certificate.authority))

    def connection(self, timeout: float = TIMEOUT, source: str | None = None) -> HTTPSConnection:
        """Not yet open; from an address of its own, unless one is given, so that no limit for one address is met."""
        address = (source or next(_sources), 0)
        return HTTPSConnection("localhost", self.port, timeout=timeout, source_address=address, context=self.context)

    def log(self) -> str:
        return (self.folder / "log" / "refund-api.log").read_text(encoding="utf-8")

    def logged(self, request_id: str) -> dict[str, str]:
        """The line of a request; nginx writes it when the client has its answer already."""
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            for line in map(json.loads, self.log().splitlines()):
                if line["request_id"] == request_id:
                    return dict(line)
            time.sleep(0.02)
        raise AssertionError(f"nginx has logged no request {request_id}")


@contextmanager
def running_site(
    folder: Path, nodes: Sequence[str], *, origins: str = f"{LISTED} $http_origin;", days: int = 30, pages: bool = False
) -> Iterator[Site]:
    """Run nginx with the site until the end of the block; a node is `host:port`, `days` are those of make_certificate.

    `pages` also forwards the pages for client developers.

    FileNotFoundError: this machine has no nginx.
    """
    folder.mkdir()
    site = Site(free_port(), make_certificate(folder, days), folder)
    configuration = write_configuration(site, nodes, origins)
    if pages:
        shutil.copy(SHIPPED / "pages.conf", folder / "refund-api")
    error_log = folder / "log" / "error.log"
    process = subprocess.Popen(
        [nginx_program(), "-c", str(configuration), "-e", str(error_log), "-g", "daemon off;"],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for_port(process, site.port, error_log)
        yield site
    finally:
        process.terminate()
        process.wait(START_TIMEOUT)


def write_configuration(site: Site, nodes: Sequence[str], origins: str) -> Path:
    """Put the files where an operator puts them, below the folder in place of /etc/nginx; gives nginx.conf."""
    enabled, own = site.folder / "sites-enabled", site.folder / "refund-api"
    for made in (enabled, own, site.folder / "log"):
        made.mkdir()
    shutil.copy(SHIPPED / "refund-api.conf", enabled)
    own.joinpath("nodes.conf").write_text("".join(f"server {node} max_fails=0;\n" for node in nodes))
    own.joinpath("origins.conf").write_text(origins)
    own.joinpath("names.conf").write_text(
        f"listen 127.0.0.1:{site.port} ssl default_server;\nserver_name localhost;\n"
        f"ssl_certificate {site.certificate.certificate};\nssl_certificate_key {site.certificate.key};\n"
        f"access_log {site.folder}/log/refund-api.log refund_api;\n"
    )
    configuration = site.folder / "nginx.conf"
    configuration.write_text(debians_own(site.folder))
    return configuration


def debians_own(folder: Path) -> str:
    """Debian's nginx.conf, which keeps its files below the folder and works for any user."""
    text = DEBIAN.read_text(encoding="utf-8")
    for debians, ours in (
        (r"^user .*$", "user root;" if os.geteuid() == 0 else ""),
        (r"/run/nginx\.pid", f"{folder}/nginx.pid"),
        (r"/var/log/nginx", f"{folder}/log"),
        (r"/etc/nginx/(conf\.d|sites-enabled)/", rf"{folder}/\1/"),
        (r"^http \{", "http {\n" + "".join(f"{name}_temp_path {folder}/{name};\n" for name in _TEMPORARY)),
    ):
        text, replaced = re.subn(debians, ours, text, flags=re.M)
        assert replaced, f"{DEBIAN} is not the file of Debian's package: it has no {debians}"
    return text
