"""The verdict on a run: the clients' record against the ledger, and the audit. On a saved run it can be had again."""

from __future__ import annotations

from pathlib import Path

from refund_api.storage.audit import audit

from . import TRY_AGAIN, Ledger, Record, read_ledger, read_record, violations
from .dump import NAME, dumped

Verdict = tuple[dict[str, int], dict[str, list[str]]]
"""Figures by name, among them how many violations there are of each kind; and the violations in words, by kind."""


def verdict(record: Record, ledger: Ledger, of_audit: list[str]) -> Verdict:
    """`of_audit` is what the audit found, in words."""
    by_kind = {**violations(record, ledger), "audit": of_audit}
    figures = {
        "requests sent": record.sent,
        "answers": len(record.seen),
        "of them try again": sum(seen.code == TRY_AGAIN for seen in record.seen),
        "refunds": len(ledger.refunds),
    }
    return {**figures, **{kind: len(sentences) for kind, sentences in by_kind.items()}}, by_kind


def saved_runs(directory: Path) -> list[Path]:
    """The directory, and those in it, that have a dump: one for each engine, fault or control of a program."""
    return sorted(path.parent for path in directory.rglob(NAME))


def judge_saved(run: Path) -> Verdict:
    """`run` has the record of the clients (*.jsonl) and the dump of their ledger. Without a record it proves nothing."""
    record = read_record(run)
    report = audit(f"sqlite:///{(run / NAME).absolute()}")
    of_audit = [f"{finding.id}, {finding.meaning}: {finding.count}" for finding in report.findings if finding.count]
    with dumped(run) as engine:
        figures, by_kind = verdict(record, read_ledger(engine), of_audit)
    by_kind["no proof"] = [] if record.seen else ["there is no record of an answer"]
    return figures, by_kind
