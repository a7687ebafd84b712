"""SQL steps: what they make, and how their errors read."""

from datetime import date
from pathlib import Path

import pytest

from galley.lake.model import Format, IntentKind, Span
from galley.project.model import Materialize, WindowSpec, WindowUnit
from tests.runner_cast import Bench, days

BY_DAY = WindowSpec("day", WindowUnit.DAY)
WINDOWED = "SELECT * FROM numbers WHERE day >= $start AND day < $end"


def test_a_select_makes_a_table(numbers: Bench) -> None:
    step = numbers.sql("big", "SELECT id FROM numbers WHERE id > $least", inputs=("numbers",))
    done = numbers.run(step, variables={"least": 6, "unused": "x"})
    assert numbers.rows("big") == [(7,), (8,), (9,)]
    assert done.rows == 3
    assert done.bytes == sum(
        path.stat().st_size
        for path in numbers.files()
        if "/big-" in str(path) and "/data/" in str(path)
    )
    assert done.seconds > 0
    version = numbers.tables["big"]
    assert version.inputs == {"numbers": numbers.tables["numbers"].content_id}
    assert version.step == "big"


def test_only_declared_inputs_exist(numbers: Bench) -> None:
    failed = numbers.fail(numbers.sql("x", "SELECT * FROM numbers"))
    assert failed.error == "galley.errors.StepError"
    assert "numbers does not exist" in failed.message


def test_now_is_the_runs_instant(numbers: Bench) -> None:
    numbers.run(numbers.sql("n", "SELECT $now AS made, CAST($now AS DATE) AS day"))
    assert numbers.types("n") == {"made": "timestamptz", "day": "date"}
    assert numbers.query("SELECT epoch_us(made) FROM n") == [(1_700_000_000_000_000,)]


def test_windows_are_written_one_by_one(numbers: Bench) -> None:
    step = numbers.sql(
        "w", WINDOWED, inputs=("numbers",), materialize=Materialize.WINDOW, window=BY_DAY
    )
    done = numbers.run(step, spans=days(2, 3), span_keys={"2020-01-02..2020-01-03": "key2"})
    assert numbers.rows("w") == [(1, 0.5, date(2020, 1, 2)), (2, 1.0, date(2020, 1, 3))]
    entries = {entry.span.start: entry.key for entry in done.changes[0].windows}
    assert entries == {"2020-01-02": "key2", "2020-01-03": ""}
    numbers.run(step, spans=days(3, 4))
    assert [row[0] for row in numbers.rows("w")] == [1, 2, 3]
    assert numbers.tables["w"].intent.kind is IntentKind.WINDOW


def test_rows_outside_the_window_are_refused(numbers: Bench) -> None:
    sql = "SELECT * FROM numbers WHERE day >= $start"
    step = numbers.sql("w", sql, inputs=("numbers",), materialize=Materialize.WINDOW, window=BY_DAY)
    failed = numbers.fail(step, spans=days(2))
    assert "outside the window" in failed.message


@pytest.mark.parametrize("kind", ["DATE", "TIMESTAMP", "TIMESTAMPTZ", "VARCHAR"])
def test_edges_have_the_type_of_the_column(bench: Bench, kind: str) -> None:
    bench.run(
        bench.sql("t", f"SELECT CAST('2020-01-0' || i AS {kind}) AS day FROM range(1, 5) r(i)")
    )
    sql = "SELECT * FROM t WHERE day >= $start AND day < $end"
    step = bench.sql("w", sql, inputs=("t",), materialize=Materialize.WINDOW, window=BY_DAY)
    for _ in range(2):
        assert bench.run(step, spans=days(2)).rows == 1
    assert bench.query("SELECT count(*) FROM w") == [(1,)]


def test_hours_and_keys(bench: Bench) -> None:
    made = (
        "SELECT TIMESTAMP '2020-01-01' + to_minutes(30 * i) AS t, i % 3 AS shop FROM range(9) r(i)"
    )
    bench.run(bench.sql("t", made))
    hourly = bench.sql(
        "h",
        "SELECT * FROM t WHERE t.t >= $start AND t.t < $end",
        inputs=("t",),
        materialize=Materialize.WINDOW,
        window=WindowSpec("t", WindowUnit.HOUR),
    )
    assert bench.run(hourly, spans=(Span("2020-01-01T01:00:00", "2020-01-01T02:00:00"),)).rows == 2
    keyed = bench.sql(
        "k",
        "SELECT * FROM t WHERE shop = $start",
        inputs=("t",),
        materialize=Materialize.WINDOW,
        window=WindowSpec("shop", WindowUnit.KEY),
    )
    assert bench.run(keyed, spans=(Span("2", "2"),)).rows == 3


def test_an_incremental_step_reads_itself(numbers: Bench) -> None:
    sql = (
        "SELECT id AS number, 'x' AS mark FROM numbers "
        "WHERE id > (SELECT coalesce(max(t.number), 7) FROM t)"
    )
    step = numbers.sql("t", sql, inputs=("numbers", "t"), materialize=Materialize.APPEND)
    assert numbers.run(step).rows == 2
    assert numbers.rows("t") == [(8, "x"), (9, "x")]
    assert numbers.run(step).rows == 0


def test_a_column_the_own_table_will_not_have(numbers: Bench) -> None:
    sql = "SELECT id AS number FROM numbers WHERE id > (SELECT coalesce(max(t.nomber), 7) FROM t)"
    step = numbers.sql("t", sql, inputs=("numbers", "t"), materialize=Materialize.APPEND)
    failed = numbers.fail(step)
    assert "nomber" in failed.message


def test_a_merge_replaces_by_key(numbers: Bench) -> None:
    def step(sql: str) -> object:
        return numbers.run(numbers.sql("m", sql, materialize=Materialize.MERGE, key=("id",)))

    step("SELECT 1 AS id, 'a' AS x UNION ALL SELECT 2, 'b'")
    step("SELECT 2 AS id, 'c' AS x")
    assert numbers.rows("m") == [(1, "a"), (2, "c")]


def test_a_view_keeps_its_text(numbers: Bench) -> None:
    sql = "SELECT id, half FROM numbers WHERE id < $most AND 'it''s' = $text -- $most"
    step = numbers.sql("v", sql, inputs=("numbers",), materialize=Materialize.VIEW)
    done = numbers.run(step, variables={"most": 2, "text": "it's"})
    version = numbers.tables["v"]
    assert version.format is Format.VIEW
    assert (version.rows, done.rows) == (None, None)
    assert numbers.types("v") == {"id": "long", "half": "double"}
    assert numbers.rows("v") == [(0, 0.0), (1, 0.5)]
    before = version.content_id
    numbers.run(step, variables={"most": 2, "text": "it's"})
    assert numbers.tables["v"].content_id == before
    numbers.run(step, variables={"most": 3, "text": "it's"})
    assert numbers.tables["v"].content_id != before


def test_a_view_may_read_views(numbers: Bench) -> None:
    def view(name: str, sql: str, reads: str) -> None:
        numbers.run(numbers.sql(name, sql, inputs=(reads,), materialize=Materialize.VIEW))

    view("v1", "SELECT id FROM numbers", "numbers")
    step = numbers.sql("v2", "SELECT id * 2 AS two FROM v1", inputs=("v1", "numbers"))
    numbers.run(step)
    assert numbers.query("SELECT sum(two) FROM v2") == [(90,)]


def test_a_view_has_no_moving_parts(numbers: Bench) -> None:
    step = numbers.sql("v", "SELECT $now AS at", materialize=Materialize.VIEW)
    failed = numbers.fail(step)
    assert failed.error == "galley.errors.VariableError"
    assert failed.where == "pipelines/p/v.sql:1:8"


@pytest.mark.parametrize(
    ("sql", "line", "message", "hint"),
    [
        ("SELECT id,\n  hallf\nFROM numbers", 8, "hallf", "did you mean 'half'?"),
        ("SELECT id\nFROM nombers", 8, "nombers does not exist", "did you mean 'numbers'?"),
        ("SELECT flor(half)\nFROM numbers", 7, "flor", "did you mean 'floor'?"),
        ("SELECT id\nFROM numbers\nWHERE (id || 'x')::INT > 1", 9, "Could not convert", None),
        ("SELECT sum(id), half\nFROM numbers", 7, "GROUP BY", None),
    ],
)
def test_errors_have_a_place(
    numbers: Bench, sql: str, line: int, message: str, hint: str | None
) -> None:
    failed = numbers.fail(numbers.sql("bad", sql, inputs=("numbers",), sql_line=7))
    assert failed.where == f"pipelines/p/bad.sql:{line}"
    assert message in failed.message
    assert failed.hint == hint
    assert failed.trace == ""
    assert failed.reason == "user_error"


def test_a_missing_variable_is_named(numbers: Bench) -> None:
    step = numbers.sql("x", "SELECT id FROM numbers\nWHERE id > $leest", inputs=("numbers",))
    failed = numbers.fail(step, variables={"least": 1})
    assert failed.error == "galley.errors.VariableError"
    assert failed.message == "the variable $leest has no value"
    assert failed.hint == "did you mean 'least'?"
    assert failed.where == "pipelines/p/x.sql:2:12"


def test_a_variable_of_the_wrong_type_is_named(numbers: Bench) -> None:
    step = numbers.sql("x", "SELECT id FROM numbers WHERE id > $least", inputs=("numbers",))
    failed = numbers.fail(step, variables={"least": "many"})
    assert failed.error == "galley.errors.VariableError"
    assert "$least" in failed.message
    assert "many" in failed.message


def test_an_edge_without_a_window_is_named(numbers: Bench) -> None:
    failed = numbers.fail(numbers.sql("x", "SELECT $start AS at"))
    assert "has none" in failed.message


@pytest.mark.parametrize(
    "sql",
    ["DROP VIEW numbers", "COPY (SELECT 1) TO '{}'", "ATTACH '{}'", "SELECT 1; DROP VIEW numbers"],
)
def test_a_statement_that_writes_is_refused(numbers: Bench, tmp_path: Path, sql: str) -> None:
    target = tmp_path / "stolen"
    failed = numbers.fail(numbers.sql("x", sql.format(target), inputs=("numbers",)))
    assert failed.error == "galley.errors.StepError"
    assert not target.exists()


def test_files_outside_cannot_be_read(numbers: Bench) -> None:
    numbers.write("secret.csv", "a\n1\n")
    failed = numbers.fail(
        numbers.sql("x", f"SELECT * FROM read_csv('{numbers.project}/secret.csv')")
    )
    assert "disabled" in failed.message


def test_a_type_no_table_holds_is_named(numbers: Bench) -> None:
    failed = numbers.fail(numbers.sql("x", "SELECT INTERVAL 1 DAY AS pause"))
    assert failed.error == "galley.errors.DataTypeError"
    assert "pause" in failed.message


def test_a_preview_writes_nothing(numbers: Bench) -> None:
    before = numbers.files()
    sql = "SELECT id, half, day, $now AS at FROM numbers ORDER BY id"
    done = numbers.run(numbers.sql("p", sql, inputs=("numbers",)), preview=2)
    assert numbers.files() == before
    assert done.changes == ()
    assert done.preview == {
        "columns": [
            {"name": "id", "type": "long"},
            {"name": "half", "type": "double"},
            {"name": "day", "type": "date"},
            {"name": "at", "type": "timestamptz"},
        ],
        "rows": [
            [0, 0.0, "2020-01-01", "2023-11-14T22:13:20Z"],
            [1, 0.5, "2020-01-02", "2023-11-14T22:13:20Z"],
        ],
    }


def test_a_previews_error_has_its_place_too(numbers: Bench) -> None:
    step = numbers.sql("p", "SELECT\n  idd FROM numbers", inputs=("numbers",))
    assert numbers.fail(step, preview=3).where == "pipelines/p/p.sql:2"


def test_too_little_memory_is_told_apart(bench: Bench) -> None:
    sql = "SELECT list(i) AS all_of_it FROM range(40_000_000) r(i)"
    failed = bench.fail(bench.sql("x", sql), memory=1 << 26)
    assert failed.reason == "out_of_memory"
    assert failed.hint is not None
    assert "memory" in failed.hint
