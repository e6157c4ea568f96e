"""A certificate authority for tests, made with openssl, and a server certificate of it for localhost."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
_NAMES = "subjectAltName=DNS:localhost,IP:127.0.0.1"


@dataclass(frozen=True)
class Certificate:
    """Files in PEM: the authority that a client has to trust, and what nginx shows."""

    authority: Path
    certificate: Path
    key: Path


def make_certificate(folder: Path, days: int = 30) -> Certificate:
    """A certificate that is good for so many days; with a negative number it has expired so many days ago."""
    made = Certificate(folder / "authority.pem", folder / "certificate.pem", folder / "key.pem")
    authority_key, request, extensions = folder / "authority-key.pem", folder / "request.pem", folder / "names"
    extensions.write_text(_NAMES)
    _openssl("req", "-x509", *_KEY, "-keyout", authority_key, "-out", made.authority, "-subj", "/CN=Test authority")
    _openssl("req", *_KEY, "-keyout", made.key, "-out", request, "-subj", "/CN=localhost")
    signing = ("x509", "-req", "-in", request, "-CA", made.authority, "-CAkey", authority_key, "-CAcreateserial")
    _openssl(*signing, "-days", str(days), "-extfile", extensions, "-out", made.certificate)
    return made


def _openssl(*arguments: str | Path) -> None:
    done = subprocess.run(["openssl", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"openssl {arguments[0]}: {done.stderr}")
