"""The benchmarks' table, JSON and page, from records that are made up."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from bench import docs, results
from bench.__main__ import main
from bench.record import Bound, Outcome, Record, Report, digits, merged
from bench.table import markdown, rich_table

FAST = Record("fast", "a fast thing", 4.2, "ms", 5, rounds=(4.1, 4.2, 4.3))
SLOW = Record("slow", "a slow thing", 2.0, "s", 1.2, Bound.RATIO, 1.5, "by hand, 1.33 s")
RATE = Record("rate", "things a second", 250.0, "steps/s", 300, Bound.LEAST)
GONE = Record("gone", "not there yet", None, "s", 0.5, notes=("no such command",))


def report(*records: Record, taken: str = "2026-01-02T03:04:05+00:00") -> Report:
    machine = {
        "cores": 2,
        "memory_gb": 24,
        "system": "Linux x86_64",
        "python": "3.11.7",
        "versions": {"duckdb": "2.0.0", "absent": None},
    }
    return Report(taken, machine, records, {"fast": 0.1})


@pytest.mark.parametrize(
    ("record", "outcome", "budget"),
    [
        (FAST, Outcome.OK, "≤ 5 ms"),
        (SLOW, Outcome.OVER, "≤ 1.2x"),
        (RATE, Outcome.OVER, "≥ 300 steps/s"),
        (GONE, Outcome.MISSING, "≤ 0.5 s"),
    ],
)
def test_a_record_is_judged_by_its_bound(record: Record, outcome: Outcome, budget: str) -> None:
    assert (record.outcome, record.budget_text) == (outcome, budget)


def test_values_show_the_digits_that_mean_something() -> None:
    assert [digits(value) for value in (1234.5, 84.16, 1.456)] == ["1,234", "84.2", "1.46"]
    assert GONE.value_text == "—"


def test_the_table_shows_every_record() -> None:
    screen = io.StringIO()
    Console(file=screen, width=160).print(rich_table([FAST, SLOW, GONE]))
    lines = screen.getvalue().splitlines()
    assert len(lines) == 4
    assert "1.50x" in lines[2]
    assert lines[2].rstrip().endswith("over")
    assert "| a fast thing | 4.20 ms | 4.10–4.30 | ≤ 5 ms |  |  | ok |" in markdown([FAST])


def test_json_gives_the_same_report_back(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "results.json"
    made = report(FAST, SLOW, GONE)
    assert results.load(target) is None
    results.save(made, target)
    assert results.load(target) == made
    assert '"outcome": "over"' in target.read_text("utf-8")


def test_a_second_measurement_replaces_the_first_in_its_place() -> None:
    again = Record("fast", "a fast thing", 3.0, "ms", 5)
    found = merged(report(FAST, SLOW), report(again, RATE, taken="2026-02-01"))
    assert found.records == (again, SLOW, RATE)
    assert found.taken == "2026-02-01"
    assert merged(None, report(FAST)) == report(FAST)


def test_the_page_says_what_is_over_and_names_no_path(tmp_path: Path) -> None:
    docs.write(report(FAST, SLOW, GONE), tmp_path / "page.md")
    text = (tmp_path / "page.md").read_text("utf-8")
    assert "Measured on 2026-01-02: Linux x86_64, 2 cores" in text
    assert "- **a slow thing** (2.00 s, budget ≤ 1.2x): " in text
    assert "- not there yet: no such command" in text
    assert "duckdb 2.0.0." in text
    assert str(Path.home()) not in text
    assert "Every budget above is kept." in docs.text_of(report(FAST))


def test_an_unknown_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--only", "nothing"]) == 2
    assert "no benchmark is called nothing" in capsys.readouterr().err
