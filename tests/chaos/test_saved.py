"""A saved run is judged again from its files alone, and whoever changes the ledger in them is found out."""

from __future__ import annotations

import json
import tempfile
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import text

from refund_api.storage.unit_of_work import SqlUnitOfWork
from tests.chaos.arrivals import Arrival, cancellation, over_http, write_record
from tests.chaos.check import Asked, Seen, read_record
from tests.chaos.check.__main__ import main
from tests.chaos.check.dump import dump, dumped
from tests.chaos.check.judging import judge_saved, saved_runs
from tests.chaos.client import Answer, answer_line, make_request, sent_line
from tests.chaos.saving import saved_run
from tests.chaos.stage import ENGINES, Booking, Stage, stage

from .test_check import refund_all


def save(the_stage: Stage, order: Booking) -> Path:
    """A run of one client, who cancelled the whole order and was told its number."""
    SqlUnitOfWork(the_stage.engine).run(partial(refund_all, order=order))
    dump(the_stage.engine, the_stage.records)
    with dumped(the_stage.records) as ledger, ledger.connect() as connection:
        number = connection.scalar(text("SELECT refund_id FROM refund"))
    request = make_request(order.order_number, order.passengers)
    lines = sent_line(request, 1), answer_line(request, 1, 2, Answer(200, 1, number))
    (the_stage.records / "0.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return the_stage.records


def kinds(run: Path) -> set[str]:
    return {kind for kind, sentences in judge_saved(run)[1].items() if sentences}


@pytest.mark.parametrize("engine", ENGINES)
def test_a_right_run_is_right_again_when_its_database_is_gone(
    engine: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with stage(engine, tmp_path / engine) as the_stage:
        save(the_stage, the_stage.book(2)[0])
    (tmp_path / engine / "records").rename(tmp_path / "elsewhere")
    assert main([str(tmp_path)]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("DELETE FROM refund", {"lost", "audit"}),
        ("DELETE FROM refund_item", {"lost", "unexplained", "audit"}),
        ("DELETE FROM refund_outbox", {"audit"}),
        ("INSERT INTO refund_item SELECT * FROM refund_item LIMIT 1", {"double", "audit"}),
        ("UPDATE refund SET refund_id = 'another'", {"lost", "unexplained", "audit"}),
        ("UPDATE refund SET amount_minor = amount_minor + 1", {"audit"}),
        ("UPDATE orders SET state = 'booked'", {"audit"}),
    ],
)
def test_a_changed_dump_is_found_out(
    change: str, expected: set[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with stage("sqlite", tmp_path) as the_stage:
        run = save(the_stage, the_stage.book(1)[0])
    with dumped(run) as ledger, ledger.begin() as connection:
        connection.execute(text(change))
    assert kinds(run) == expected
    assert main([str(run)]) == 1
    assert "audit" in capsys.readouterr().err


def test_a_ledger_that_has_lost_its_keys_is_saved_as_it_is(tmp_path: Path) -> None:
    with stage("postgres", tmp_path) as the_stage:
        (order,) = the_stage.book(1)
        save(the_stage, order)
        with the_stage.engine.begin() as connection:
            connection.execute(text("ALTER TABLE refund_item DROP CONSTRAINT pk_refund_item"))
            connection.execute(text("INSERT INTO refund_item SELECT * FROM refund_item"))
        dump(the_stage.engine, the_stage.records)
    assert {"double", "audit"} <= kinds(the_stage.records)


def test_a_ledger_without_a_record_proves_nothing_and_a_directory_without_a_run_is_an_error(tmp_path: Path) -> None:
    with stage("sqlite", tmp_path / "run") as the_stage:
        dump(the_stage.engine, the_stage.records)
    assert saved_runs(tmp_path) == [the_stage.records]
    assert kinds(the_stage.records) == {"no proof"}
    (tmp_path / "empty").mkdir()
    assert main([str(tmp_path / "empty")]) == 2


def test_what_came_at_a_fixed_rate_is_recorded_as_clients_record_it(tmp_path: Path) -> None:
    request = make_request("order", ["3288010f-2d18-4900-890e-68025c5c3130"])
    sent = cancellation(request)
    answered, lost = Arrival(sent, 1.5, 2.0, 200, 1, "number"), Arrival(sent, 3.0, 4.0, 0, None, None)
    other = Arrival(over_http("none", "/nowhere", "application/json", b"{}"), 1.0, 2.0, 404, None, None)
    write_record([answered, other, lost], tmp_path / "arrivals.jsonl")
    record = read_record(tmp_path)
    assert record.asked == {request.number: Asked("order", request.passengers, request.ids, request.sign)}
    assert record.seen == [Seen(request.number, 1_500_000_000, 2_000_000_000, 200, 1, "number")]
    assert record.sent == 2


@pytest.mark.parametrize(("is_wrong", "saves"), [(False, False), (True, False), (False, True)])
def test_a_run_stays_when_it_is_wrong_or_shall_be_saved(
    is_wrong: bool, saves: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with saved_run("test", tmp_path / "kept" if saves else None) as run:
        (run.directory / "record").touch()
        run.is_wrong = is_wrong
    assert (run.directory / "record").exists() == (is_wrong or saves)


def test_a_run_that_breaks_stays(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), saved_run("test", tmp_path / "kept") as run:
        raise RuntimeError
    assert run.directory.is_dir()
