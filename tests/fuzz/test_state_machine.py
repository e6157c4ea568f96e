"""Clients do what clients do, in many orders: the refunds are those of the model, and each has one number."""

from __future__ import annotations

from .machine import run_machine
from .target import Target


def test_whatever_clients_do_the_service_answers_as_the_model_and_refunds_nobody_twice(target: Target) -> None:
    report, codes = run_machine(target, examples=60)
    assert report.clean, report.findings
    assert report.refunds > 40
    assert codes.keys() == {1, 1002, 2001, 2002, 2003, 2004, 2005}
