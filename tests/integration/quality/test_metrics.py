"""The metrics every table gets, and the worker's door to tests and metrics."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from galley.errors import InternalError
from galley.lake.model import Format
from galley.quality import metrics
from galley.quality.handler import handle
from galley.runs.messages import decode_answer, encode
from galley.runs.protocol import FieldsReply, TaskFailed, TestDone
from galley.runs.verdict import Metric
from tests.quality_cast import Stand, spec

SQL = """
SELECT range AS n, CASE WHEN range % 2 = 0 THEN range / 2.0 END AS half, 'a' AS t,
       TIMESTAMPTZ '2013-01-01 00:00:00+00' AS at, [1] AS list, (range % 7)::DECIMAL(9, 2) AS d
FROM range(100)
"""


def no(_: bytes) -> bytes:
    raise AssertionError("a test asks for nothing")


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    made = Stand(tmp_path)
    made.make("flights", SQL)
    return made


def measured(stand: Stand) -> dict[tuple[str, str | None], Metric]:
    return {(one.name, one.column): one for one in stand.run(metrics=("flights",)).metrics}


def test_footers_and_one_query_tell_all(stand: Stand) -> None:
    found = measured(stand)
    assert found["rows", None].value == 100
    assert found["columns", None].value == 6
    assert found["bytes", None].value == stand.versions["flights"].bytes
    assert (found["nulls", "half"].value, found["nulls", "n"].value) == (50, 0)
    assert (found["min", "n"].value, found["max", "n"].value) == (0, 99)
    assert found["max", "at"].text == "2013-01-01T00:00:00+00:00"
    assert (found["mean", "n"].value, found["mean", "n"].estimated) == (49.5, False)
    assert found["sd", "n"].value == pytest.approx(29.0115)
    assert found["distinct", "t"].value == 1
    assert ("distinct", "list") not in found


def test_a_histogram_counts_on_its_own_quantiles(stand: Stand) -> None:
    histogram = json.loads(measured(stand)["histogram", "n"].text or "")
    assert sum(histogram["counts"]) == 100
    assert histogram["edges"] == sorted(histogram["edges"])
    assert len(histogram["edges"]) == metrics.BINS + 1
    assert max(histogram["counts"]) <= 6


def test_large_tables_are_sampled_and_say_so(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    stand.make("flights", SQL.replace("range(100)", "range(100_000)"))
    monkeypatch.setattr(metrics, "MOST_ROWS", 50_000)
    monkeypatch.setattr(metrics, "SAMPLE_ROWS", 20_000)
    found = measured(stand)
    assert found["mean", "n"].estimated
    assert found["rows", None].value == 100_000
    assert not found["max", "n"].estimated


@pytest.mark.parametrize("most", [50_000, 5_000_000])
def test_histograms_keep_some_of_the_rows_looked_at(
    stand: Stand, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    stand.make("flights", SQL.replace("range(100)", "range(100_000)"))
    monkeypatch.setattr(metrics, "MOST_ROWS", most)
    monkeypatch.setattr(metrics, "SAMPLE_ROWS", 40_000)
    monkeypatch.setattr(metrics, "HISTOGRAM_ROWS", 10_000)
    found = measured(stand)
    kept = {column: json.loads(found["histogram", column].text or "") for column in ("n", "half")}
    assert 5_000 < sum(kept["n"]["counts"]) < 15_000
    assert 2_000 < sum(kept["half"]["counts"]) < 8_000
    assert len(kept["n"]["edges"]) == metrics.BINS + 1
    assert max(kept["n"]["counts"]) < 0.06 * sum(kept["n"]["counts"])
    assert found["mean", "n"].estimated is (most < 100_000)


@pytest.mark.parametrize("table", ["data", "few", "edges", "kept"])
def test_names_of_the_query_are_free_for_tables_and_columns(stand: Stand, table: str) -> None:
    stand.make(table, "SELECT range AS t0, 1 AS c0, 2 AS kept FROM range(20_000)")
    done = stand.run(metrics=(table,)).metrics
    found = {(one.name, one.column): one for one in done}
    assert found["mean", "t0"].value == 9999.5
    assert json.loads(found["histogram", "kept"].text or "")["counts"] == [20_000]


def test_an_empty_table_and_a_broken_one_have_what_is_known(stand: Stand) -> None:
    stand.make("flights", f"{SQL} WHERE false")
    assert measured(stand)["rows", None].value == 0
    assert ("mean", "n") not in measured(stand)
    stand.versions["flights"] = replace(stand.versions["flights"], format=Format.FILE)
    assert set(measured(stand)) == {("columns", None)}


def test_the_worker_answers_in_bytes(stand: Stand) -> None:
    task = stand.task(spec("not_null", columns=["half"]), metrics=("flights",))
    answer = decode_answer(handle(encode(task), no))
    assert isinstance(answer, TestDone)
    assert answer.verdicts == stand.run(*task.tests).verdicts
    with pytest.raises(InternalError):
        handle(encode(FieldsReply("fields", ())), no)


def test_a_defect_is_an_answer(stand: Stand) -> None:
    Path(stand.folder / "way").write_text("in it")
    task = replace(stand.task(spec("not_null", columns=["n"])), scratch=f"{stand.folder}/way/s")
    answer = decode_answer(handle(encode(task), no))
    assert isinstance(answer, TaskFailed)
    assert answer.error == "FileExistsError"
