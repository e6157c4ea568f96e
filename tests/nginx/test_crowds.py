"""One address that floods, and sockets that are slow or held, cost nobody else an answer; crowds.py has more of each."""

from __future__ import annotations

import time
from contextlib import ExitStack

from .asking import JSON, PATH
from .crowds import HALF_BODY, besieged, flood, tls_socket
from .site import TIMEOUT, Site


def test_a_flood_is_refused_in_the_shape_of_the_service_and_others_go_on(site: Site) -> None:
    flooded, beside = flood(site, 800)
    assert flooded.keys() == {"200", "429"}
    assert flooded["200"] >= 100
    assert beside.failed == 0


def test_slow_and_held_sockets_cost_the_node_nothing(site: Site) -> None:
    """The node has four threads; without nginx five such sockets would stop it."""
    assert besieged(site, slow=60, held=20).failed == 0


def test_an_address_has_at_most_100_requests_in_progress(site: Site) -> None:
    address = "127.0.5.1"
    with ExitStack() as open_sockets:
        for _ in range(100):
            open_sockets.enter_context(tls_socket(site, address)).sendall(HALF_BODY)
        while status_from(site, address) != 429:
            time.sleep(0.1)  # nginx has not read them all yet
    limits = {
        line for line in (site.folder / "log" / "error.log").read_text().splitlines() if f"client: {address}" in line
    }
    assert limits
    assert all('limiting connections by zone "refund_api_connections"' in line for line in limits)


def status_from(site: Site, address: str) -> int:
    connection = site.connection(TIMEOUT, source=address)
    connection.request("POST", PATH, b"{}", JSON)
    status = connection.getresponse().status
    connection.close()
    return status
