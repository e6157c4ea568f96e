"""Where workers keep what they count, and what happens to it when there is no place."""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, values

from refund_api.ops import worker_files
from refund_api.ops.metrics import Metrics


@pytest.fixture(autouse=True)
def _process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_files, "_directory", None)
    monkeypatch.setattr(values, "ValueClass", values.ValueClass)
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "/nonexistent")


def made_in(parent: Path) -> Path:
    worker_files.make_directory(parent)
    (directory,) = parent.glob(f"refund-api-metrics-{os.getpid()}-*")
    return directory


def test_without_a_master_figures_stay_in_memory_whatever_the_environment_says() -> None:
    assert worker_files.this_worker() is None
    metrics = Metrics(CollectorRegistry())
    metrics.count_dropped_lines(3)
    assert b"refund_api_log_lines_dropped_total 3.0" in metrics.page()


def test_the_directory_is_for_its_owner_alone_and_is_gone_in_the_end(tmp_path: Path) -> None:
    directory = made_in(tmp_path)
    assert directory.stat().st_mode & 0o777 == 0o700
    worker_files.make_directory(tmp_path)
    assert list(tmp_path.iterdir()) == [directory], "a reload makes no second one"
    worker_files.remove_directory()
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="Not a directory"):
        worker_files.make_directory(tmp_path / "file")


def test_what_a_killed_master_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    left = tmp_path / f"refund-api-metrics-{ended.pid}-a1b2"
    left.mkdir()
    (left / "counter_7.db").touch()
    stay = [
        tmp_path / name for name in (f"refund-api-metrics-{os.getppid()}-a1b2", "refund-api-metrics-x-y", "refunds.db")
    ]
    for path in stay:
        path.mkdir()
    directory = made_in(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([directory, *stay])


def test_a_worker_counts_in_files_whose_space_is_taken_from_the_disk(tmp_path: Path) -> None:
    directory = made_in(tmp_path)
    metrics = Metrics(CollectorRegistry())
    metrics.count_dropped_lines(3)
    assert b"refund_api_log_lines_dropped_total 3.0" in metrics.page()
    files = sorted(directory.iterdir())
    assert [file.name.rpartition("_")[0] for file in files] == ["counter", "gauge_livesum", "histogram"]
    for file in files:
        assert file.stat().st_blocks * 512 >= file.stat().st_size > 0, "no hole that a full disk could leave empty"


def test_a_file_has_no_name_that_is_read_before_it_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = made_in(tmp_path)
    seen: list[list[Path]] = []
    take_space = os.posix_fallocate

    def look_first(*arguments: int) -> None:
        seen.append(list(directory.glob("*.db")))
        take_space(*arguments)

    monkeypatch.setattr(os, "posix_fallocate", look_first)
    worker_files.this_worker()
    assert seen == [[], [], []]
    worker_files.this_worker()
    assert len(seen) == 3, "a second application of the process counts in the same files"
    assert {path.suffix for path in directory.iterdir()} == {".db"}


def test_every_label_set_that_there_can_be_fits_into_the_space(tmp_path: Path) -> None:
    directory = made_in(tmp_path)
    before = {file: file.stat().st_size for file in files_after_every_label_set(directory)}
    assert {file.stat().st_size for file in before} == {worker_files._SIZE}


def files_after_every_label_set(directory: Path) -> list[Path]:
    from tests.unit.ops.test_metrics import event, rejected
    from xml_contracts.reading import Problem, Skipped

    metrics = Metrics(CollectorRegistry())
    members = [f"refund_passanger_ids_{number}" for number in range(20)]
    for member in members:
        for reason in (Skipped.OUT_OF_ORDER, Skipped.WRONG_NAMESPACE, Skipped.REPEATED_FIRST_COUNTS):
            metrics(event(rejected("malformed", "v2"), Problem(member, reason)))
    for code in range(1000, 1200):
        for read_format in ("json", "xml", "form", None):
            metrics(event(code=code, read_format=read_format))
    return list(directory.iterdir())


def test_without_space_a_worker_counts_in_memory_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    directory = made_in(tmp_path)
    monkeypatch.setattr(os, "posix_fallocate", _full)
    metrics = Metrics(CollectorRegistry())
    metrics.count_dropped_lines(3)
    assert b"refund_api_log_lines_dropped_total 3.0" in metrics.page()
    assert list(directory.iterdir()) == []
    assert caplog.messages == [
        f"this worker counts for itself alone, /metrics is incomplete: {directory}: No space left on device"
    ]


def _full(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_of_a_worker_that_ended_the_counts_stay_and_the_gauges_go(tmp_path: Path) -> None:
    directory = made_in(tmp_path)
    Metrics(CollectorRegistry())
    worker_files.forget_worker(os.getpid())
    assert sorted(file.name.rpartition("_")[0] for file in directory.iterdir()) == ["counter", "histogram"]
