"""tests/attack/refused_bodies.py through the shipped site: python -m tests.nginx.refused_bodies [--pairs 1000]

nginx keeps its connections to the node, so an answer that leaves a body unread would make the next client's request a
502, which the site answers with 503.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.attack.refused_bodies import KEYS, TIMEOUT, attack, print_missed
from tests.servers import gunicorn

from .site import running_site


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.nginx.refused_bodies", description=__doc__)
    parser.add_argument("--pairs", type=int, default=1000)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        env = {"REFUND_API_KEYS": KEYS, "REFUND_API_DATABASE_URL": f"sqlite:///{folder}/never-opened.db"}
        with (
            gunicorn("wsgi:app", folder / "gunicorn.log", env) as node,
            running_site(folder / "site", [node.address]) as site,
        ):
            figures = attack(lambda case: site.connection(TIMEOUT), options.pairs)
    return 1 if print_missed(figures) else 0


if __name__ == "__main__":
    sys.exit(main())
