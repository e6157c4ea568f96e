"""What an application has counted, as tests compare it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import Flask
from prometheus_client.mmap_dict import MmapedDict

from refund_api.ops.metrics import Metrics


def counted(app: Flask, name: str) -> dict[tuple[str, ...], float]:
    """Of the counter `refund_api_<name>_total`: the values of its labels, as declared -> its value, unless that is 0."""
    return counted_by(app.extensions["refund_api"], name)


def counted_by(metrics: Metrics, name: str) -> dict[tuple[str, ...], float]:
    samples = [
        sample
        for metric in metrics.registry.restricted_registry([f"refund_api_{name}_total"]).collect()
        for sample in metric.samples
    ]
    assert samples or name in {"requests", "members_ignored"}, f"there is no counter {name}"
    return {tuple(sample.labels.values()): sample.value for sample in samples if sample.value}


def counted_by_worker(directory: Path) -> dict[int, float]:
    """Process id -> invalid requests that are counted in its file of this directory."""
    counted = {}
    for file in directory.glob("counter_*.db"):
        values: Any = MmapedDict.read_all_values_from_file(str(file))  # type: ignore[no-untyped-call]
        figures = {key: value for key, value, *_ in values}
        mine = [value for key, value in figures.items() if "requests_total" in key and '"1001"' in key]
        counted[int(file.stem.partition("_")[2])] = sum(mine)
    return counted
