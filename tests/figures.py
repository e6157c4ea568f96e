"""What an application has counted, as tests compare it."""

from __future__ import annotations

from flask import Flask

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
