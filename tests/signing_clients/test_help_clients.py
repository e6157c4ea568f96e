"""The clients that the help pages hand out sign as the vectors do, and the programs on the page cancel an order.

They are taken from the pages of a running service, as a developer takes them.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.demo_service import IDS, ORDER, demo_service, download, programs_on_the_page
from tests.servers import Gunicorn

from .page import CASES, SIGNS

V2_SECRET, LEGACY_SECRET = "a secret of v2 for the help clients é", "a legacy secret for help clients"
ALL = {"client.py": "client.py", "client.js": "client.mjs"}

SIGN_ALL_IN_PYTHON = """
import json, sys, client
sign = lambda c: client.sign_v2(c["secret"], c["kid"], c["members"]) if c["scheme"] == "v2" else client.sign_legacy(c["secret"], c["members"])
print(json.dumps({name: sign(case) for name, case in json.load(sys.stdin).items()}))
"""
SIGN_ALL_IN_JAVASCRIPT = """
import { readFileSync } from "node:fs";
import { signLegacy, signV2 } from "./client.mjs";
const signs = Object.entries(JSON.parse(readFileSync(0, "utf8"))).map(([name, { scheme, secret, kid, members }]) =>
  [name, scheme === "v2" ? signV2(secret, kid, members) : signLegacy(secret, members)]);
console.log(JSON.stringify(Object.fromEntries(signs)));
"""


@dataclass(frozen=True)
class Taken:
    """A folder with the clients, and the programs that the page shows."""

    folder: Path
    programs: dict[str, str]
    server: Gunicorn

    def run(self, *command: str, stdin: str = "") -> str:
        done = subprocess.run(command, cwd=self.folder, input=stdin, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout


def node() -> str:
    path = shutil.which("node")
    if path is None:
        pytest.skip("node is missing; on Debian: apt install nodejs")
    return path


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Taken]:
    keys = [
        {"kid": "web-2026a", "scheme": "v2", "secret": V2_SECRET},
        {"kid": "old", "scheme": "legacy", "secret": LEGACY_SECRET},
    ]
    folder = tmp_path_factory.mktemp("client")
    with demo_service(tmp_path_factory.mktemp("service"), keys) as server:
        for name, saved in ALL.items():
            (folder / saved).write_bytes(download(server, f"/Help/{name}"))
        (folder / "secret.txt").write_text(f"{V2_SECRET}\n", encoding="utf-8")
        yield Taken(folder, programs_on_the_page(server), server)


def cases() -> str:
    return json.dumps({name: asdict(case) for name, case in CASES.items()})


def test_the_python_client_signs_as_the_service_does(taken: Taken) -> None:
    assert json.loads(taken.run(sys.executable, "-c", SIGN_ALL_IN_PYTHON, stdin=cases())) == SIGNS


def test_the_javascript_client_signs_as_the_service_does(taken: Taken) -> None:
    (taken.folder / "sign_all.mjs").write_text(SIGN_ALL_IN_JAVASCRIPT, encoding="utf-8")
    assert json.loads(taken.run(node(), "sign_all.mjs", stdin=cases())) == SIGNS


def test_the_programs_on_the_page_cancel_the_order_and_agree_on_the_number(taken: Taken) -> None:
    (taken.folder / "program.py").write_text(taken.programs["Python"], encoding="utf-8")
    (taken.folder / "program.mjs").write_text(taken.programs["JavaScript (Node.js)"], encoding="utf-8")
    printed = {taken.run(sys.executable, "program.py"), taken.run(node(), "program.mjs")}
    (answer,) = printed
    assert answer.startswith("1 Cancelled ") and len(answer.split()[2]) == 36


@pytest.mark.parametrize("secret", [LEGACY_SECRET, "another secret that is not known"])
def test_without_a_kid_the_clients_sign_as_the_old_site_did(taken: Taken, secret: str) -> None:
    arguments = json.dumps([ORDER, IDS[0]])
    python = f"import client; print(client.RefundClient({taken.server.url!r}, {secret!r}).cancel(*{arguments})['code'])"
    javascript = f"""import {{ RefundClient }} from "./client.mjs";
const result = await new RefundClient({taken.server.url!r}, {secret!r}).cancel(...{arguments}); console.log(result.code);"""
    (taken.folder / "legacy.mjs").write_text(javascript, encoding="utf-8")
    codes = {taken.run(sys.executable, "-c", python).strip(), taken.run(node(), "legacy.mjs").strip()}
    assert codes <= ({"1", "2004"} if secret == LEGACY_SECRET else {"1002"})


def test_the_clients_are_not_silent_about_a_refusal(taken: Taken) -> None:
    far = f"{taken.server.url}/nowhere"
    python = f"""
import urllib.error, client
try:
    client.RefundClient({far!r}, "x").cancel("a", "b")
except urllib.error.HTTPError as error:
    print(error.code)
"""
    javascript = f"""import {{ Refused, RefundClient }} from "./client.mjs";
await new RefundClient({far!r}, "x").cancel("a", "b").catch((e) => console.log(e instanceof Refused, e.message));"""
    (taken.folder / "refused.mjs").write_text(javascript, encoding="utf-8")
    assert taken.run(sys.executable, "-c", python).strip() == "404"
    assert taken.run(node(), "refused.mjs").startswith("true 404 ")


def test_code_3001_is_asked_again_signed_anew(taken: Taken) -> None:
    """Against a server that answers 3001 once, and then success."""
    asked: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            away = len(asked) % 2
            body = json.dumps({"code": 3001 if away else 1, "message": "", "data": None}).encode()
            self.send_response(503 if away else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_address[1]}"
        python = f"import client; print(client.RefundClient({url!r}, 'x', kid='k').cancel('a', 'b')['code'])"
        javascript = f"""import {{ RefundClient }} from "./client.mjs";
console.log((await new RefundClient({url!r}, "x", "k").cancel("a", "b")).code);"""
        (taken.folder / "again.mjs").write_text(javascript, encoding="utf-8")
        assert taken.run(sys.executable, "-c", python).strip() == "1"
        assert taken.run(node(), "again.mjs").strip() == "1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert len(asked) == 4
    assert asked[0]["sign"] != asked[1]["sign"] and asked[2]["random"] != asked[3]["random"]
