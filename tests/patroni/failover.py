"""`make test-patroni`: Patroni promotes another leader under load, and no acknowledged refund may be lost.

Three nodes run with the files of deploy/patroni, and one gunicorn goes on through the multi-host URL:

- the leader is killed -9, Patroni and server together, five times;
- a switchover is asked for;
- the standby that COMMITs wait for is killed;
- the etcd that leads the three is killed, and the leader of the servers must stay the leader; then a second one,
  without which nobody leads;
- the leader's Patroni alone is killed, so that its server stays behind as a second leader until that Patroni is started;
- the control: COMMITs wait for no standby any more, a leader is left behind again, and refunds must be lost.

After each, the node that died comes back with its old data. Exit status 1 when anything but the control lost a refund,
refunded twice or told differently, or when the control lost nothing.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from tests.chaos.check import OK, read_ledger, read_record, unproven, violations
from tests.chaos.check.dump import dump
from tests.chaos.kill import judge
from tests.chaos.load import Load, Orders
from tests.chaos.report import Figures, print_figures, print_violations, progress
from tests.chaos.saving import add_save_option, saved_run
from tests.chaos.stage import Stage, stage_on
from tests.replication import until
from tests.servers import Gunicorn, gunicorn

from .cluster import PATIENCE, Cluster, patroni_cluster

_WORKERS = 2
_PAUSE = 0.2  # seconds between two requests of a client: a failover takes half a minute, and the machine may be shared
_BEFORE, _AFTER, _TWO_LEADERS = 2.0, 3.0, 5.0  # seconds of load
_WITHOUT_ETCD = 25.0  # seconds; a leader that cannot renew its lease is gone after a `ttl` of 20
_SWITCHOVER, _STANDBY, _LEFT_BEHIND = "switchover", "a standby killed", "a leader without its Patroni"
_ONE_ETCD, _TWO_ETCD = "one etcd of three killed", "two etcd of three killed"


@dataclass(frozen=True)
class Scene:
    """What all parts of a run share."""

    cluster: Cluster
    server: Gunicorn
    stage: Stage
    orders: Orders


def kill_leader(cluster: Cluster) -> None:
    """The host is lost; it ends when another leads."""
    leader = cluster.leader()
    leader.kill()
    until(lambda: cluster.is_led_by_another(leader), PATIENCE)


def switch_over(cluster: Cluster) -> None:
    """As before maintenance."""
    leader = cluster.leader()
    cluster.switch_over()
    until(lambda: cluster.is_led_by_another(leader), PATIENCE)


def kill_standby(cluster: Cluster) -> None:
    """The host of the standby that COMMITs wait for is lost; it ends when they wait for the other one."""
    standby = cluster.synchronous_standby()
    standby.kill()
    until(lambda: cluster.waits_for_another(standby), PATIENCE)


def kill_an_etcd(cluster: Cluster) -> None:
    """The one that leads the others; the leader of the servers goes on for longer than its lease."""
    leader = cluster.leader()
    next(member for member in cluster.etcd if member.leads()).kill()
    time.sleep(_WITHOUT_ETCD)
    assert cluster.is_led_by(leader), "the loss of one etcd has cost the cluster its leader"


def kill_two_etcd(cluster: Cluster) -> None:
    """Nobody may lead without them; it ends when they are there again and somebody does."""
    leader = cluster.leader()
    for member in cluster.etcd[:2]:
        member.kill()
    until(lambda: not leader.takes_writes(), PATIENCE)
    cluster.start_the_dead()


def leave_a_leader_behind(cluster: Cluster) -> None:
    """Two servers that take writes, until the Patroni of the former leader is started again."""
    former = cluster.leader()
    former.kill_patroni()
    until(lambda: cluster.is_led_by_another(former), PATIENCE)
    time.sleep(_TWO_LEADERS)
    assert former.takes_writes(), "the former leader did not stay behind"
    former.start()
    until(lambda: not former.takes_writes(), PATIENCE)


def under_load(scene: Scene, title: str, blow: Callable[[Cluster], None]) -> float:
    """Seconds that passed without code 1 for anybody, at the longest; all nodes are well again at the end."""
    progress(title)
    scene.orders.refill()
    began = time.monotonic_ns()
    with Load(scene.server, scene.orders, scene.stage.records, pause=_PAUSE) as load:
        time.sleep(_BEFORE)
        blow(scene.cluster)
        time.sleep(_AFTER)
        load.stop()
        load.drain()
    scene.stage.engine.dispose()  # its connections died with the former leader
    answered = sorted(seen.at for seen in read_record(scene.stage.records).seen if seen.code == OK and seen.at > began)
    silence = max((later - earlier for earlier, later in pairwise(answered)), default=0) / 1e9
    progress(f"{title}: the node comes back")
    scene.cluster.start_the_dead()
    progress("")
    print(f"{title}: {len(answered)} answers with code 1, {silence:.1f} s without one", file=sys.stderr, flush=True)
    return silence


def run(kills: int, directory: Path) -> tuple[Figures, dict[str, list[str]]]:
    """The figures, and the violations by kind. The directory gets the clients' record and all logs."""
    records = directory / "records"
    records.mkdir()
    progress("three nodes are made")
    with (
        patroni_cluster(directory) as cluster,
        stage_on(cluster.url, records) as stage,
        gunicorn("wsgi:app", directory / "gunicorn.log", stage.env, _WORKERS) as server,
    ):
        scene = Scene(cluster, server, stage, Orders(stage))
        titles = [f"leader killed, {number} of {kills}" for number in range(1, kills + 1)]
        after_kills = sorted(under_load(scene, title, kill_leader) for title in titles)
        after_switchover = under_load(scene, _SWITCHOVER, switch_over)
        after_standby = under_load(scene, _STANDBY, kill_standby)
        after_etcd = under_load(scene, _ONE_ETCD, kill_an_etcd)
        after_two_etcd = under_load(scene, _TWO_ETCD, kill_two_etcd)
        after_two = under_load(scene, _LEFT_BEHIND, leave_a_leader_behind)
        record = read_record(records)
        figures, found = judge(stage, record)
        found["no proof"] = unproven(record)
        lost = control(scene, directory / "control")
        if not lost:
            found["no proof"].append("the control lost nothing, so this program would not see a loss")
    times = {
        "leaders killed": kills,
        "first answer after a kill, median s": round(after_kills[kills // 2], 1),
        "first answer after a kill, worst s": round(after_kills[-1], 1),
        f"{_SWITCHOVER}, s without an answer": round(after_switchover, 1),
        f"{_STANDBY}, s without an answer": round(after_standby, 1),
        f"{_ONE_ETCD}, s without an answer": round(after_etcd, 1),
        f"{_TWO_ETCD}, s without an answer": round(after_two_etcd, 1),
        f"{_LEFT_BEHIND}, s without an answer": round(after_two, 1),
    }
    return {**times, **figures, "control, lost": lost}, found


def control(scene: Scene, records: Path) -> int:
    """How many refunds are lost where COMMITs wait for no standby and a leader is left behind."""
    records.mkdir()
    scene.cluster.wait_for_nobody()
    alone = replace(scene, stage=replace(scene.stage, records=records))
    under_load(alone, "control", leave_a_leader_behind)
    dump(scene.stage.engine, records)
    return len(violations(read_record(records), read_ledger(scene.stage.engine))["lost"])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.patroni.failover", description=__doc__)
    parser.add_argument("--kills", type=int, default=5, help="of the leader, at least 1; default %(default)s")
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_save_option(parser)
    options = parser.parse_args()
    if options.kills < 1:
        parser.error("without a kill nothing is proved")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the nodes are stopped then, too
    with saved_run("patroni-failover", options.save) as saved:
        figures, found = run(options.kills, saved.directory)
        saved.is_wrong = any(found.values())
    print_violations("patroni", found)
    print_figures({"patroni": figures}, as_json=options.json)
    return 1 if saved.is_wrong else 0


if __name__ == "__main__":
    sys.exit(main())
