"""A real nginx in front of a server under test, on loopback, as one process that needs no rights of its own."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers import START_TIMEOUT, Gunicorn, free_port, wait_for_port

CONFIGURATION = """
daemon off;
master_process off;
error_log {folder}/error.log;
pid {folder}/nginx.pid;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_max_body_size 100m;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    scgi_temp_path {folder}/scgi;
    uwsgi_temp_path {folder}/uwsgi;
    upstream gunicorn {{ server {address}; keepalive 8; }}
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header X-Forwarded-Host $host;
    server {{ listen 127.0.0.1:{buffering}; location / {{ proxy_pass http://gunicorn; }} }}
    server {{
        listen 127.0.0.1:{streaming};
        location / {{ proxy_pass http://gunicorn; proxy_request_buffering off; }}
    }}
}}
"""


@dataclass(frozen=True)
class Nginx:
    """Two ports of one nginx, before the same kept connections: one has a body whole first, one hands it on at once."""

    buffering: int
    streaming: int


@contextmanager
def nginx_before(server: Gunicorn, folder: Path) -> Iterator[Nginx]:
    """Run nginx until the end of the block. FileNotFoundError: there is none on this machine."""
    program = nginx_program()
    ports = Nginx(free_port(), free_port())
    configuration = folder / "nginx.conf"
    configuration.write_text(
        CONFIGURATION.format(
            folder=folder, address=server.address, buffering=ports.buffering, streaming=ports.streaming
        )
    )
    process = subprocess.Popen(
        [program, "-p", str(folder), "-c", str(configuration), "-e", str(folder / "error.log")],
        stdin=subprocess.DEVNULL,
    )
    try:
        for port in (ports.buffering, ports.streaming):
            wait_for_port(process, port, folder / "error.log")
        yield ports
    finally:
        process.terminate()
        process.wait(START_TIMEOUT)


def nginx_program() -> str:
    """Its path. FileNotFoundError: there is none on this machine."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        raise FileNotFoundError("There is no nginx; on Debian: apt install nginx-light")
    return program
