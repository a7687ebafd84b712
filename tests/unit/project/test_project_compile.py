"""Whole projects: what compiles, what does not, and how the problems read."""

from collections.abc import Callable
from pathlib import Path

import pytest

from galley.errors import DefinitionError, DefinitionErrors
from galley.project.compile import compile_project
from galley.project.model import Manifest, Materialize, Placement, Severity, Stage, StepKind
from galley.runs.groups import Group, group_of, limits_of

Project = Callable[[dict[str, str]], Path]

BASE = {"galley.yaml": "name: shop\nvariables: {largest: 100}\n"}
RAW = "kind: load\npath: data/orders.csv\n"
STEP = "from galley import step\n\n@step(%s)\ndef made(%s):\n    return None\n"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Writes a project; paths without a folder of their own go below pipelines/shop/."""

    def write(files: dict[str, str]) -> Path:
        for path, text in {**BASE, **files}.items():
            place = path if path == "galley.yaml" or "/" in path else f"pipelines/shop/{path}"
            (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / place).write_text(text, "utf-8")
        return tmp_path

    return write


def problems(folder: Path) -> list[str]:
    with pytest.raises(DefinitionErrors) as caught:
        compile_project(folder)
    return [str(problem) for problem in caught.value.problems]


def problem(folder: Path) -> str:
    (only,) = problems(folder)
    return only


def compiled(folder: Path) -> Manifest:
    return compile_project(folder)


def test_the_graph_follows_from_what_steps_read(project: Project) -> None:
    manifest = compiled(
        project(
            {
                "raw.yaml": RAW,
                "daily.sql": "SELECT day, count(*) AS n FROM Orders GROUP BY day",
                "orders.sql": "SELECT * FROM raw WHERE amount < $largest",
                "made.py": STEP % ("", "daily, orders, *, largest"),
            }
        )
    )
    assert manifest.pipelines["shop"].steps == ("raw", "orders", "daily", "made")
    assert manifest.steps["daily"].inputs == ("orders",)
    assert manifest.steps["orders"].variables == ("largest",)
    assert manifest.steps["made"].inputs == ("daily", "orders")
    assert manifest.steps["raw"].kind is StepKind.LOAD
    assert manifest.warnings == ()


def test_a_header_gives_the_options(project: Project) -> None:
    header = """/* @galley
description: One row per order.
owner: sales
materialize: window
window: {column: day, by: day, start: 2024-03-01}
retries: 2
timeout: 5m
memory: 2GB
tests:
  - not_null: [id, day]
  - range: {column: amount, max: 5, severity: warn}
*/
-- an ordinary comment
SELECT * FROM raw WHERE day >= $start AND day < $end; -- the end
"""
    step = compiled(project({"raw.yaml": RAW, "orders.sql": header})).steps["orders"]
    assert step.materialize is Materialize.WINDOW
    assert step.window is not None
    assert step.window.start == "2024-03-01"
    assert (step.retry.attempts, step.limits.timeout, step.limits.memory) == (3, 300.0, 2 * 10**9)
    assert [test.name for test in step.tests] == ["not_null_id", "not_null_day", "range_amount"]
    assert [test.source.line for test in step.tests] == [10, 10, 11]
    assert step.tests[2].severity is Severity.WARN
    assert not step.tests[2].blocking
    assert step.sql == "SELECT * FROM raw WHERE day >= $start AND day < $end"
    assert step.sql_line == 14
    assert step.wants == ("start", "end")


def test_a_header_of_line_comments_is_one_too(project: Project) -> None:
    text = "-- @galley\n-- description: Short.\n-- tags: [a]\n\nSELECT 1 AS x"
    step = compiled(project({"one.sql": text})).steps["one"]
    assert (step.description, step.tags) == ("Short.", ("a",))


def test_nothing_of_the_project_is_imported(project: Project, tmp_path: Path) -> None:
    witness = tmp_path / "imported"
    effect = f"open({str(witness)!r}, 'w').close()\nimport own\n"
    folder = project(
        {
            "made.py": effect + STEP % ("makes=['a', 'b']", ""),
            "own.py": effect,
            "tests/checks.py": effect + "def check(a):\n    return True\n",
            "tests/a.yaml": "a:\n  - python: tests/checks.py:check\n",
        }
    )
    manifest = compiled(folder)
    assert not witness.exists()
    assert manifest.steps["made"].outputs == ("a", "b")
    assert manifest.steps["made"].modules == ("pipelines/shop/own.py",)
    assert "tests/checks.py" in manifest.files


def test_tests_of_files_find_their_place(project: Project) -> None:
    manifest = compiled(
        project(
            {
                "galley.yaml": "name: shop\nreads: {weather: {in: production, tables: [daily]}}\n",
                "raw.yaml": RAW,
                "orders.sql": "SELECT * FROM raw, weather.daily",
                "tests/all.yaml": "orders:\n  - unique: id\n"
                "weather.daily:\n  - freshness: {column: day, max_age: 2d}\n"
                "spanning:\n  - foreign_key: {table: orders, column: id, to: {table: raw}}\n",
            }
        )
    )
    (own,) = manifest.steps["orders"].tests
    assert (own.name, own.stage) == ("unique_id", Stage.OUTPUT)
    outside, spanning = manifest.spanning
    assert (outside.table, outside.stage) == ("weather.daily", Stage.INPUT)
    assert (spanning.stage, spanning.reads) == (Stage.BUSINESS, ("raw",))
    assert manifest.steps["orders"].inputs == ("raw", "weather.daily")


def test_several_problems_come_at_once_in_order(project: Project) -> None:
    found = problems(
        project(
            {
                "a.sql": "SELECT * FROM nowhere",
                "b.sql": "DROP TABLE x",
                "c.yaml": "kind: deliver\n",
                "d.py": STEP % ("materialise='table'", ""),
            }
        )
    )
    assert [text.split(": ")[0] for text in found] == [
        "pipelines/shop/a.sql:1:15",
        "pipelines/shop/b.sql:1:1",
        "pipelines/shop/c.yaml:1:1",
        "pipelines/shop/d.py:3:7",
    ]


BAD = {
    "unknown table": (
        {"raw.yaml": RAW, "orders.sql": "\nSELECT *\nFROM rwa"},
        "pipelines/shop/orders.sql:3:6: there is no table 'rwa'",
        "did you mean 'raw'?",
    ),
    "unknown table of a function": (
        {"raw.yaml": RAW, "made.py": STEP % ("", "raws")},
        "pipelines/shop/made.py:4:10: there is no table 'raws'",
        "did you mean 'raw'?",
    ),
    "undeclared project": (
        {"a.sql": "SELECT * FROM weather.daily"},
        "pipelines/shop/a.sql:1:15: the project 'weather' is not declared",
        "reads: {weather: {tables: [daily]}}",
    ),
    "cycle": (
        {
            "a.sql": "SELECT * FROM c",
            "b.sql": "SELECT * FROM a",
            "c.sql": "SELECT * FROM b",
        },
        "the steps read each other in a circle: a -> b -> c -> a",
        "its own earlier result",
    ),
    "two steps for one table": (
        {"made.py": STEP % ("makes=['a', 'z']", ""), "z.sql": "SELECT 1 AS x"},
        "two steps make the table 'z': 'z' here and 'made' in pipelines/shop/made.py:4",
        "rename",
    ),
    "a step twice": (
        {"A.sql": "SELECT 1 AS x", "a.py": STEP.replace("made", "a") % ("", "")},
        "pipelines/shop/a.py:4: the step 'a' is defined twice: here and in pipelines/shop/A.sql",
        "rename",
    ),
    "invalid yaml": (
        {"raw.yaml": "kind: load\npath: [a\n"},
        "pipelines/shop/raw.yaml:3:1: invalid YAML",
        "",
    ),
    "invalid header": (
        {"a.sql": "-- first\n/* @galley\nowner: x\n tags: y\n*/\nSELECT 1 AS x"},
        "pipelines/shop/a.sql:4:6: invalid YAML",
        "",
    ),
    "unknown key of a header": (
        {"a.sql": "/* @galley\nowner: x\nmaterialise: view */ SELECT 1 AS x"},
        "pipelines/shop/a.sql:3:1: a SQL step has no key 'materialise'",
        "did you mean 'materialize'?",
    ),
    "unknown key of the project": (
        {"galley.yaml": "name: shop\nvariable: {}\n"},
        "galley.yaml:2:1: galley.yaml has no key 'variable'",
        "did you mean 'variables'?",
    ),
    "unknown nested key": (
        {"galley.yaml": "name: shop\nenvironments:\n  staging:\n    untestd: warn\n"},
        "galley.yaml:4:5: galley.yaml has no key 'untestd'",
        "did you mean 'untested'?",
    ),
    "duplicate key": (
        {"raw.yaml": f"{RAW}path: other.csv\n"},
        "pipelines/shop/raw.yaml:3:1: the key 'path' stands here and on line 2",
        "",
    ),
    "sql that does not parse": (
        {"a.sql": "SELECT 1 AS x\nFROM WHERE"},
        "pipelines/shop/a.sql:2:6: SQL that cannot be parsed",
        "",
    ),
    "sql that writes": (
        {"a.sql": "/* @galley\nowner: x */\nCREATE TABLE t AS SELECT 1 AS x"},
        "pipelines/shop/a.sql:3:1: a SQL step is one SELECT, and this statement begins with CREATE",
        "SELECT alone",
    ),
    "a file read by sql": (
        {"a.sql": "SELECT * FROM read_csv('x.csv')"},
        "pipelines/shop/a.sql:1:15: read_csv() reads from outside",
        "load step",
    ),
    "a space in a name": (
        {"my orders.sql": "SELECT 1 AS x"},
        "'my orders' cannot be the name of a step",
        "a valid name: 'my_orders'",
    ),
    "a reserved word as name": (
        {"order.sql": "SELECT 1 AS x"},
        "'order' cannot be the name of a step: SQL keeps that word",
        "'order_'",
    ),
    "accents in a name": (
        {"made.py": STEP % ("makes=['día', 'b']", "")},
        "pipelines/shop/made.py:3:7: 'día' cannot be the name of a table",
        "'dia'",
    ),
    "a path as name": (
        {"made.py": STEP % ("name='../x'", "")},
        "'../x' cannot be the name of a step",
        "'x'",
    ),
    "an unknown unit of windows": (
        {"a.sql": "/* @galley\nmaterialize: window\nwindow: {column: d, by: dya} */SELECT 1 AS d"},
        "pipelines/shop/a.sql:3:21: window.by: 'dya' is not one of hour, day, week, month, key",
        "did you mean 'day'?",
    ),
    "a window that ends before it starts": (
        {
            "a.sql": "/* @galley\nmaterialize: window\nwindow:\n  column: d\n  by: day\n"
            "  start: 2024-02-01\n  end: 2024-01-01\n*/SELECT 1 AS d"
        },
        "pipelines/shop/a.sql:7:3: the window ends (2024-01-01) before it starts (2024-02-01)",
        "exclusive",
    ),
    "a window without a column": (
        {"a.sql": "/* @galley\nmaterialize: window\nwindow: {by: day} */SELECT 1 AS d"},
        "pipelines/shop/a.sql:3:1: a SQL step lacks the key 'window.column'",
        "",
    ),
    "a window in no zone": (
        {
            "made.py": STEP
            % ("materialize='window', window={'column': 'd', 'by': 'day', 'timezone': 'X'}", "")
        },
        "pipelines/shop/made.py:3:65: window.timezone: there is no time zone 'X'",
        "Europe/Zurich",
    ),
    "append without a window": (
        {"a.sql": "/* @galley\nmaterialize: append */SELECT 1 AS d"},
        "pipelines/shop/a.sql:2:1: materialize: append needs a window or a cursor",
        "cursor",
    ),
    "merge without a key": (
        {"a.sql": "/* @galley\nmaterialize: merge */SELECT 1 AS d"},
        "pipelines/shop/a.sql:2:1: materialize: merge needs the key",
        "key: [COLUMN]",
    ),
    "a window for a table": (
        {"a.sql": "/* @galley\nwindow: {column: d, by: day} */SELECT 1 AS d"},
        "pipelines/shop/a.sql:2:1: 'window' has no effect with materialize: table",
        "materialize: window or append",
    ),
    "$start without a window": (
        {"a.sql": "SELECT 1 AS d\nWHERE 1 > $start"},
        "pipelines/shop/a.sql:2:11: $start is a bound of the window",
        "window",
    ),
    "an unknown variable": (
        {"a.sql": "SELECT 1 AS d WHERE 1 < $lagest"},
        "pipelines/shop/a.sql:1:25: the variable 'lagest' is defined nowhere",
        "did you mean 'largest'?",
    ),
    "a variable of the engine": (
        {"galley.yaml": "name: shop\nvariables:\n  now: 1\n"},
        "galley.yaml:3:3: 'now' is a name that the engine binds itself",
        "",
    ),
    "a table as variable": (
        {"raw.yaml": RAW, "made.py": STEP % ("", "*, raw")},
        "pipelines/shop/made.py:4:13: the variable 'raw' is defined nowhere",
        "positional",
    ),
    "an option that is no literal": (
        {"made.py": "DAYS = 3\n" + STEP % ("retries=DAYS", "")},
        "pipelines/shop/made.py:4:15: 'DAYS' is not a literal",
        "write the value itself",
    ),
    "options taken apart": (
        {"made.py": STEP % ("**{}", "")},
        "pipelines/shop/made.py:3:2: @step(**…) is not a literal",
        "name the arguments",
    ),
    "any arguments": (
        {"made.py": STEP % ("", "*tables")},
        "pipelines/shop/made.py:4:11: 'tables' takes any arguments",
        "name each table",
    ),
    "python that does not parse": (
        {"made.py": "def made(:\n"},
        "pipelines/shop/made.py:1:10: Python that cannot be parsed",
        "",
    ),
    "a step inside of a class": (
        {"made.py": "from galley import step\nclass A:\n    @step\n    def made(): ...\n"},
        "pipelines/shop/made.py:4: 'made' cannot be a step",
        "",
    ),
    "an unknown secret": (
        {"made.py": STEP % ("secrets=['KEY']", "")},
        "pipelines/shop/made.py:3:16: there is no secret 'KEY'",
        "galley.yaml",
    ),
    "a password in a file": (
        {"raw.yaml": "kind: load\nurl: postgres://u:pw@h/db\ntable: t\n"},
        "pipelines/shop/raw.yaml:2:1: a password must not stand in a file",
        "${NAME}",
    ),
    "an unknown kind": (
        {"raw.yaml": "kind: laod\npath: x.csv\n"},
        "pipelines/shop/raw.yaml:1:1: there is no kind of step 'laod'",
        "did you mean 'load'?",
    ),
    "an unknown option of a format": (
        {"raw.yaml": f"{RAW}options:\n  delimeter: ';'\n"},
        "pipelines/shop/raw.yaml:4:3: csv has no option 'delimeter'",
        "did you mean 'delimiter'?",
    ),
    "an unknown format": (
        {"raw.yaml": "kind: load\npath: a.xlsx\n"},
        "pipelines/shop/raw.yaml:2:1: the format of 'a.xlsx' is not known",
        "csv",
    ),
    "an unknown test": (
        {"raw.yaml": f"{RAW}tests:\n  - uniqe: id\n"},
        "pipelines/shop/raw.yaml:4:5: there is no test 'uniqe'",
        "did you mean 'unique'?",
    ),
    "an unknown parameter of a test": (
        {"raw.yaml": f"{RAW}tests:\n  - range: {{column: a, mix: 3}}\n"},
        "pipelines/shop/raw.yaml:4:24: the test 'range' has no parameter 'mix'",
        "did you mean 'min'?",
    ),
    "a test of an unknown table": (
        {"raw.yaml": RAW, "tests/a.yaml": "rwa:\n  - unique: id\n"},
        "tests/a.yaml:1:1: there is no table 'rwa'",
        "did you mean 'raw'?",
    ),
    "a key to an unknown table": (
        {"raw.yaml": f"{RAW}tests:\n  - foreign_key: {{column: a, to: {{table: raws}}}}\n"},
        "pipelines/shop/raw.yaml:4: there is no table 'raws'",
        "did you mean 'raw'?",
    ),
    "a test of one of several tables": (
        {"made.py": STEP % ("makes=['a', 'b'], tests=[{'unique': 'x'}]", "")},
        "pipelines/shop/made.py:3:33: the test does not say which table it is about",
        "table: a",
    ),
    "a misplaced step": (
        {"pipelines/a.sql": "SELECT 1 AS x"},
        "pipelines/a.sql: a step stands in the folder of a pipeline",
        "move it",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_project_says_where_and_what_to_do(project: Project, name: str) -> None:
    files, message, hint = BAD[name]
    text = problem(project(files))
    assert message in text
    assert hint in text


def test_a_missing_project_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match=r"galley\.yaml: the file cannot be read"):
        compile_project(tmp_path)


def test_an_unknown_environment_is_an_error(project: Project) -> None:
    folder = project({"galley.yaml": "name: shop\nenvironments: {staging: }\n"})
    assert set(compile_project(folder, environment="staging").environments) == {
        "production",
        "staging",
    }
    with pytest.raises(DefinitionError, match="did you mean 'staging'"):
        compile_project(folder, environment="stagin")


def test_what_is_for_later_is_a_warning(project: Project) -> None:
    manifest = compiled(
        project(
            {
                "pipeline.yaml": "owner: ana\ngoal: {}\n",
                "notes.md": "# Notes",
                "report.ipynb": "{}",
                "a.sql": "SELECT 1 AS x",
            }
        )
    )
    assert len(manifest.warnings) == 3
    assert "pipeline.yaml:2:1: 'goal' has no effect in this version" in manifest.warnings[0]
    assert manifest.steps["a"].owner == "ana"


def test_a_step_may_read_its_own_table_and_another_pipelines(project: Project) -> None:
    manifest = compiled(
        project(
            {
                "total.sql": "SELECT x FROM total UNION ALL SELECT x FROM other",
                "pipelines/second/other.sql": "SELECT 1 AS x",
            }
        )
    )
    assert manifest.steps["total"].reads_self
    assert manifest.pipelines["shop"].steps == ("total",)
    assert manifest.pipelines["second"].steps == ("other",)


def test_python_that_warns_is_read_in_silence(project: Project) -> None:
    text = "PATTERN = '\\d'\n" + STEP % ("", "")
    assert "made" in compiled(project({"made.py": text})).steps


def test_two_bad_steps_of_one_file_are_two_problems(project: Project) -> None:
    text = STEP % ("retries=f()", "") + "\n@step(timeout='soon')\ndef two():\n    return None\n"
    first, second = problems(project({"made.py": text}))
    assert "'f()' is not a literal" in first
    assert "made.py:7:7: timeout: 'soon' is no duration" in second


def test_a_declared_volatile_select_is_stable(project: Project) -> None:
    files = {"a.sql": "SELECT now() AS t", "b.sql": "-- @galley stable: true\nSELECT now() AS t"}
    steps = compiled(project(files)).steps
    assert steps["a"].volatile == ("now()",)
    assert steps["b"].volatile == ()


def test_another_projects_table_may_be_a_parameter(project: Project) -> None:
    manifest = compiled(
        project(
            {
                "galley.yaml": "name: shop\nreads: {weather: {tables: [daily]}}\n",
                "a.py": STEP.replace("made", "a") % ("reads={'w': 'weather.daily'}", "w"),
                "b.py": STEP.replace("made", "b") % ("", "weather__daily, a"),
            }
        )
    )
    assert manifest.steps["a"].inputs == ("weather.daily",)
    assert manifest.steps["b"].inputs == ("weather.daily", "a")


def test_a_parameter_with_a_default_needs_no_variable(project: Project) -> None:
    step = compiled(project({"made.py": STEP % ("", "*, largest, days=3")})).steps["made"]
    assert step.variables == ("largest",)


def test_asking_for_all_variables_names_them_all(project: Project) -> None:
    step = compiled(project({"made.py": STEP % ("", "*, variables")})).steps["made"]
    assert (step.variables, step.wants) == (("largest",), ("variables",))


PLACED = {
    "galley.yaml": "name: shop\npools: {db: 2}\ndefaults: {pool: db}\n",
    "pipeline.yaml": "priority: 3\nconcurrency: 4\n",
    "raw.yaml": RAW,
    "daily.sql": "/* @galley\npriority: -5\nconcurrency: 1\nlabels: [gpu, big]\n*/\nFROM raw",
}


def test_where_and_when_steps_may_run(project: Project) -> None:
    manifest = compiled(project(PLACED))
    assert manifest.pools == {"db": 2}
    assert manifest.steps["raw"].placement == Placement("db")
    assert manifest.steps["daily"].placement == Placement("db", -5, 1, ("big", "gpu"))
    pipeline = manifest.pipelines["shop"]
    assert (pipeline.priority, pipeline.concurrency) == (3, 4)
    daily = group_of(manifest, manifest.steps["daily"])
    assert Group.parse(daily.text) == daily
    assert daily.limits == ("shop/pipeline/shop", "shop/pool/db", "shop/step/daily")
    assert limits_of(manifest, manifest.steps["raw"]) == {
        "shop/pipeline/shop": 4,
        "shop/pool/db": 2,
    }


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("pool: bd", "galley.yaml declares no pool 'bd'"),
        ("concurrency: 0", "concurrency"),
        ("priority: 5000", "priority"),
        ("labels: [a b]", "'a b' cannot be the name of a label"),
    ],
)
def test_a_step_that_cannot_be_placed(project: Project, option: str, said: str) -> None:
    text = problem(project({**PLACED, "daily.sql": f"/* @galley\n{option}\n*/\nSELECT 1 AS a"}))
    assert said in text
    assert "daily.sql:2" in text
