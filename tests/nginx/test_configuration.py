"""The shipped files are good as they are, and their certificate protects."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
from pathlib import Path

import pytest

from tests.attack.nginx import nginx_program

from .asking import ask
from .certificates import make_certificate
from .site import SHIPPED, TIMEOUT, Site, debians_own, running_site


def test_nginx_takes_the_files_as_shipped_with_their_examples(tmp_path: Path) -> None:
    for folder in ("sites-enabled", "log"):
        (tmp_path / folder).mkdir()
    shutil.copy(SHIPPED / "refund-api.conf", tmp_path / "sites-enabled")
    shutil.copytree(SHIPPED / "refund-api", tmp_path / "refund-api")
    made = make_certificate(tmp_path)
    names = tmp_path / "refund-api" / "names.conf"
    text = names.read_text().replace("/etc/ssl/refund-api/fullchain.pem", str(made.certificate))
    text = text.replace("/etc/ssl/refund-api/key.pem", str(made.key)).replace("/var/log/nginx", str(tmp_path / "log"))
    names.write_text(text.replace(":443", ":8443").replace(" 443", " 8443"))
    origins = tmp_path / "refund-api" / "origins.conf"
    origins.write_text(origins.read_text().replace("# https://", "https://"))
    configuration = tmp_path / "nginx.conf"
    configuration.write_text(debians_own(tmp_path))
    done = subprocess.run(
        [nginx_program(), "-t", "-c", str(configuration), "-e", str(tmp_path / "log" / "error.log")],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "warn" not in done.stderr, done.stderr


def test_a_certificate_that_has_expired_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    with running_site(tmp_path / "site", ["127.0.0.1:1"], days=-1) as site:
        with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
            ask(site)
        assert site.log() == ""


def test_a_certificate_of_somebody_else_is_refused(site: Site) -> None:
    with (
        socket.create_connection(("127.0.0.1", site.port), timeout=TIMEOUT) as plain,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        ssl.create_default_context().wrap_socket(plain, server_hostname="localhost")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_1_2_and_1_3_are_spoken(site: Site, version: ssl.TLSVersion) -> None:
    context = site.context
    context.minimum_version = context.maximum_version = version
    with (
        socket.create_connection(("127.0.0.1", site.port), timeout=TIMEOUT) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        assert connection.version() == version.name.replace("_", ".")


def test_tls_1_1_is_not_spoken(site: Site) -> None:
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{site.port}", "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "alert protocol version" in done.stderr
