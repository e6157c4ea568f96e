"""The real .NET client of tests/interop/dotnet (Mono) through the site, over TLS, before two nodes on one PostgreSQL."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.dotnet.test_dotnet import CASES, CLIENTS, answers_of, compiled, fill, settings
from tests.postgres import fresh_database, postgres_server
from tests.servers import gunicorn

from .asking import PATH
from .site import Site, running_site

Answers = dict[tuple[str, str], list[str]]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("dotnet")
    with postgres_server() as server, fresh_database(server) as url:
        fill(url)
        with (
            gunicorn("wsgi:app", folder / "one.log", settings(url)) as one,
            gunicorn("wsgi:app", folder / "other.log", settings(url)) as other,
            running_site(folder / "site", [one.address, other.address]) as running,
        ):
            yield running


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(tmp_path_factory.mktemp("program"))


def home_that_trusts(site: Site, folder: Path) -> dict[str, str]:
    """Mono looks for the authorities of a user below HOME, under the hash of their names."""
    authority = site.certificate.authority
    hashing = ["openssl", "x509", "-in", str(authority), "-noout", "-subject_hash"]
    name = subprocess.run(hashing, capture_output=True, text=True, check=True).stdout.strip()
    trusted = folder / ".config" / ".mono" / "new-certs" / "Trust"
    trusted.mkdir(parents=True)
    shutil.copy(authority, trusted / f"{name}.0")
    return {"HOME": str(folder)}


@pytest.fixture(scope="module")
def answers(site: Site, program: Path, tmp_path_factory: pytest.TempPathFactory) -> Answers:
    home = home_that_trusts(site, tmp_path_factory.mktemp("home"))
    return answers_of(program, f"https://localhost:{site.port}{PATH}", home)


@pytest.mark.parametrize("client", CLIENTS)
def test_a_dotnet_client_reads_every_outcome_through_the_site(answers: Answers, client: str) -> None:
    expected = {case: [str(code), message] for case, (_, _, _, code, message) in CASES.items()}
    assert {case: answers[client, case][:2] for case in CASES} == expected
    assert answers[client, "repeat"][2] == answers[client, "ok"][2] != "(null)"


def test_a_dotnet_client_that_does_not_trust_the_certificate_sends_nothing(
    site: Site, program: Path, tmp_path: Path
) -> None:
    lines_before = site.log()
    refused = answers_of(program, f"https://localhost:{site.port}{PATH}", {"HOME": str(tmp_path)})
    assert {fields[0] for fields in refused.values() if fields} == {"error"}  # its message has lines of its own
    assert site.log() == lines_before
