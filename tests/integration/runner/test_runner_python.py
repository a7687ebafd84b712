"""Python steps: what they are called with, what is kept of their modules, how they fail."""

from datetime import date
from pathlib import Path

import pytest

from galley.lake.model import Format, Span
from galley.project.model import Connection, Materialize, WindowSpec, WindowUnit
from tests.runner_cast import Bench, days

BY_DAY = WindowSpec("day", WindowUnit.DAY)


def test_tables_come_by_position(numbers: Bench) -> None:
    numbers.run(numbers.sql("names", "SELECT 1 AS id, 'one' AS name"))
    code = (
        "def joined(few, words):\n"
        "    rows = few.sql('SELECT * FROM numbers JOIN names USING (id) WHERE id < $top', top=5)\n"
        "    assert words.columns == ('id', 'name')\n"
        "    return rows.sql('SELECT id, name FROM numbers')\n"
    )
    numbers.run(numbers.python("joined", code, inputs=("numbers", "names")))
    assert numbers.rows("joined") == [(1, "one")]


def test_keyword_parameters_are_filled(bench: Bench) -> None:
    code = (
        "def facts(*, context, variables, connections, secrets, longest, token, unset=7):\n"
        "    (context.scratch / 'x').write_text('x')\n"
        "    return [{'run': context.run, 'step': context.step, 'ref': context.ref,\n"
        "             'project': context.project, 'now': context.now, 'longest': longest,\n"
        "             'variables': str(variables), 'url': connections['lake'], 'token': token,\n"
        "             'shown': repr(connections) + repr(secrets), 'unset': unset}]\n"
    )
    bench.run(
        bench.python("facts", code),
        variables={"longest": 3},
        secrets={"token": "s3cret"},
        connections={"lake": Connection("lake", "postgres", "postgres://me:${token}@host/db")},
        ref="kitchen/ana",
    )
    columns = [name for name in bench.types("facts") if name != "now"]
    row = dict(zip(columns, bench.query("SELECT * EXCLUDE now FROM facts")[0], strict=True))
    assert (row["run"], row["ref"]) == ("run1", "kitchen/ana")
    assert (row["longest"], row["unset"], row["token"]) == (3, 7, "s3cret")
    assert row["url"] == "postgres://me:s3cret@host/db"
    assert row["shown"] == "{lake: ***}{token: ***}"


def test_a_windowed_step_is_called_for_each_window(bench: Bench) -> None:
    code = (
        "import datetime\n"
        "def daily(*, window):\n"
        "    assert isinstance(window.start, datetime.date)\n"
        "    assert window.name == window.start.isoformat() and str(window) == window.text\n"
        "    return [{'day': window.start, 'last': window.end}]\n"
    )
    step = bench.python("daily", code, materialize=Materialize.WINDOW, window=BY_DAY)
    done = bench.run(step, spans=days(1, 2))
    assert [row[0] for row in bench.rows("daily")] == [date(2020, 1, 1), date(2020, 1, 2)]
    assert len(done.changes[0].windows) == 2


def test_hour_and_key_windows(bench: Bench) -> None:
    hourly = (
        "def h(*, window):\n"
        "    assert window.start.hour == 1\n"
        "    return [{'t': window.start.replace(tzinfo=None)}]\n"
    )
    spec = WindowSpec("t", WindowUnit.HOUR)
    step = bench.python("h", hourly, materialize=Materialize.WINDOW, window=spec)
    bench.run(step, spans=(Span("2020-01-01T01:00:00", "2020-01-01T02:00:00"),))
    keyed = "def k(*, window):\n    return [{'shop': window.start}]\n"
    spec = WindowSpec("shop", WindowUnit.KEY)
    step = bench.python("k", keyed, materialize=Materialize.WINDOW, window=spec)
    bench.run(step, spans=(Span("basel", "basel"),))
    assert bench.rows("k") == [("basel",)]


def test_windows_without_rows_take_the_columns_of_others(bench: Bench) -> None:
    code = (
        "def d(*, window):\n    return [{'day': window.start}] if window.start.day == 2 else []\n"
    )
    step = bench.python("d", code, materialize=Materialize.WINDOW, window=BY_DAY)
    done = bench.run(step, spans=days(1, 2, 3))
    assert (done.rows, len(done.changes[0].windows)) == (1, 3)
    again = bench.run(step, spans=days(4))
    assert (again.rows, len(again.changes[0].windows)) == (0, 1)
    assert bench.rows("d") == [(date(2020, 1, 2),)]


def test_several_outputs(numbers: Bench) -> None:
    code = (
        "def split(numbers):\n"
        "    return {'late': numbers.sql('SELECT id FROM numbers WHERE id > 7'),\n"
        "            'early': [{'id': 1}]}\n"
    )
    outputs = ("late", "early")
    done = numbers.run(numbers.python("split", code, inputs=("numbers",), outputs=outputs))
    assert {one.table for one in done.changes} == {"late", "early"}
    assert (numbers.rows("late"), numbers.rows("early")) == ([(8,), (9,)], [(1,)])


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        ("{'late': [{'a': 1}]}", "without early"),
        ("{'late': [{'a': 1}], 'early': None}", "without early"),
        ("{'late': [{'a': 1}], 'early': [{'a': 1}], 'soon': 1}", "with soon"),
        ("[{'a': 1}]", "makes late, early and returned a list of dict"),
        ("None", "makes late, early and returned nothing"),
    ],
)
def test_missing_and_unknown_outputs_are_named(bench: Bench, returned: str, said: str) -> None:
    step = bench.python(
        "split", f"def split():\n    return {returned}\n", outputs=("late", "early")
    )
    failed = bench.fail(step)
    assert failed.error == "galley.errors.ResultError"
    assert said in failed.message
    assert failed.hint is not None
    assert "early" in failed.hint


def test_a_failing_output_takes_the_others_along(bench: Bench) -> None:
    code = "def split():\n    return {'late': [{'a': 1}], 'early': 5}\n"
    failed = bench.fail(bench.python("split", code, outputs=("late", "early")))
    assert "returned an int" in failed.message


def test_a_file_is_a_version(bench: Bench) -> None:
    code = "def report():\n    return '<p>fine</p>'\n"
    step = bench.python("report", code, materialize=Materialize.FILE, filename="report.html")
    done = bench.run(step)
    version = bench.tables["report"]
    assert (version.format, version.bytes, done.bytes) == (Format.FILE, 11, 11)
    assert version.schema[0]["type"] == "text/html"
    assert Path(bench.warehouse, version.location).read_text() == "<p>fine</p>"
    assert len(bench.files()) == 1
    bench.run(step)
    assert bench.tables["report"] == version
    assert len(bench.files()) == 1


@pytest.mark.parametrize(
    "returned",
    [
        "b'model'",
        "File(content=b'model', media_type='x/y')",
        "context.scratch / 'm'",
        "File(path='m')",
        "File(path=str(context.scratch / 'm'))",
    ],
)
def test_ways_to_return_a_file(bench: Bench, returned: str) -> None:
    code = (
        "from galley.sdk.authoring import File\n"
        "def model(*, context):\n"
        "    (context.scratch / 'm').write_bytes(b'model')\n"
        f"    return {returned}\n"
    )
    bench.run(bench.python("model", code, materialize=Materialize.FILE, filename="m.bin"))
    code = "def scores(model):\n    return [{'model': model.read_bytes()}]\n"
    bench.run(bench.python("scores", code, inputs=("model",)))
    assert bench.rows("scores") == [(b"model",)]


@pytest.mark.parametrize("returned", ["5", "None", "__import__('pathlib').Path('gone')"])
def test_what_is_no_file(bench: Bench, returned: str) -> None:
    code = f"def model():\n    return {returned}\n"
    step = bench.python("model", code, materialize=Materialize.FILE, filename="m.bin")
    assert bench.fail(step).error == "galley.errors.ResultError"


def test_a_step_may_make_nothing(bench: Bench) -> None:
    step = bench.python("quiet", "def quiet():\n    pass\n", materialize=Materialize.NONE)
    done = bench.run(step)
    assert (done.changes, done.rows) == ((), None)


def test_relative_paths_start_at_the_project(bench: Bench) -> None:
    bench.write("data/a.txt", "hello")
    code = (
        "from pathlib import Path\n"
        "def here():\n"
        "    return [{'text': Path('data/a.txt').read_text()}]\n"
    )
    before = Path.cwd()
    bench.run(bench.python("here", code))
    assert bench.rows("here") == [("hello",)]
    assert Path.cwd() == before


def test_an_error_shows_the_users_frames_only(bench: Bench) -> None:
    bench.write("pipelines/p/lib.py", "def parse(x):\n    raise ValueError('bad ' + x)\n")
    code = (
        "import lib\n"
        "def broken():\n"
        "    try:\n"
        "        lib.parse('s3cret-value')\n"
        "    except ValueError as error:\n"
        "        raise RuntimeError('no luck') from error\n"
    )
    failed = bench.fail(bench.python("broken", code), secrets={"x": "s3cret-value"})
    assert (failed.error, failed.message) == ("RuntimeError", "RuntimeError: no luck")
    assert failed.where == "pipelines/p/broken.py:6"
    assert failed.bases == ("Exception", "BaseException", "RuntimeError")
    assert failed.trace.splitlines() == [
        "pipelines/p/broken.py:4 in broken",
        "    lib.parse('[redacted]')",
        "pipelines/p/lib.py:2 in parse",
        "    raise ValueError('bad ' + x)",
        "ValueError: bad [redacted]",
        "",
        "pipelines/p/broken.py:6 in broken",
        "    raise RuntimeError('no luck') from error",
        "RuntimeError: no luck",
    ]


def test_a_generator_that_fails_in_the_middle(bench: Bench) -> None:
    code = (
        "import json\n"
        "def stream():\n"
        "    for number in range(4):\n"
        "        if number == 3:\n"
        "            json.loads('{')\n"
        "        yield [{'number': number}]\n"
    )
    failed = bench.fail(bench.python("stream", code))
    assert failed.error == "json.decoder.JSONDecodeError"
    assert failed.where == "pipelines/p/stream.py:5"
    assert {"ValueError", "JSONDecodeError"} <= set(failed.bases)


@pytest.mark.parametrize(
    ("code", "error", "where"),
    [
        ("def x(:\n    pass\n", "SyntaxError", "pipelines/p/x.py:1"),
        ("import nothing_like_it\n", "ModuleNotFoundError", "pipelines/p/x.py:1"),
        ("def y():\n    pass\n", "galley.errors.StepError", "pipelines/p/x.py:1"),
        ("def x():\n    raise SystemExit(3)\n", "SystemExit", "pipelines/p/x.py:2"),
        ("def x(*, longer):\n    pass\n", "galley.errors.VariableError", "pipelines/p/x.py:1"),
        ("def x():\n    raise MemoryError\n", "MemoryError", "pipelines/p/x.py:2"),
    ],
)
def test_other_ways_to_fail(bench: Bench, code: str, error: str, where: str) -> None:
    failed = bench.fail(bench.python("x", code), variables={"longest": 1})
    assert (failed.error, failed.where) == (error, where)
    assert failed.reason == ("out_of_memory" if error == "MemoryError" else "user_error")


def test_a_full_disk_is_no_user_error(bench: Bench) -> None:
    code = "def x():\n    raise OSError(28, 'No space left on device')\n"
    failed = bench.fail(bench.python("x", code))
    assert (failed.error, failed.reason) == ("galley.errors.StorageError", "storage")
    assert "disk is full" in failed.message


def test_a_step_that_reads_its_own_table(bench: Bench) -> None:
    code = "def t(t):\n    return [{'a': 1}] if t is None else t.sql('SELECT a + 1 AS a FROM t')\n"
    step = bench.python("t", code, inputs=("t",), materialize=Materialize.APPEND)
    bench.run(step)
    bench.run(step)
    assert bench.rows("t") == [(1,), (2,)]


def test_a_preview_of_an_endless_stream_ends(bench: Bench) -> None:
    code = (
        "import itertools\n"
        "def x():\n"
        "    for number in itertools.count():\n"
        "        assert number < 10\n"
        "        yield [{'number': number}]\n"
    )
    done = bench.run(bench.python("x", code), preview=3)
    assert done.preview == {
        "columns": [{"name": "number", "type": "long"}],
        "rows": [[0], [1], [2]],
    }
    assert bench.files() == []
