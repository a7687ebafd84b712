"""Projects that say something wrong: every problem has a file, a line, a reason and a way out."""

import json
from pathlib import Path

import pytest

from galley.errors import DefinitionError
from galley.project.compile import compile_project
from tests.acceptance.inside import Inside, write
from tests.cli_cast import Shell

LOANS = "kind: load\npath: loans.csv\n"
CHAIN = "+".join(["1"] * 3000)


def step(arguments: str = "", parameters: str = "") -> str:
    return f"from galley import step\n\n@step({arguments})\ndef made({parameters}):\n    return 1\n"


def window(said: str) -> str:
    return f"/* @galley\nmaterialize: window\nwindow: {{column: day, {said}}} */\nSELECT 1 AS day"


def header(said: str) -> str:
    return f"/* @galley\n{said}\n*/\nSELECT 1 AS fee"


WRONG: dict[str, tuple[dict[str, str | bytes], str, str]] = {
    "table": (
        {"a.sql": "SELECT *\nFROM loanz", "loans.yaml": LOANS},
        "a.sql:2:6: there is no table 'loanz'",
        "did you mean 'loans'?",
    ),
    "table of a Python step": (
        {"a.py": step("", "loanz"), "loans.yaml": LOANS},
        "a.py:4:10: there is no table 'loanz'",
        "did you mean 'loans'?",
    ),
    "cycle": (
        {"a.sql": "SELECT * FROM b", "b.sql": "SELECT * FROM c", "c.sql": "SELECT * FROM a"},
        "c.sql:1:15: the steps read each other in a circle: a -> c -> b -> a",
        "reads its own table",
    ),
    "one table twice": (
        {"a.sql": "SELECT 1 AS x", "b.py": step('makes=["a"]')},
        "b.py:4: two steps make the table 'a'",
        "rename one of the tables",
    ),
    "one step twice": (
        {"made.sql": "SELECT 1 AS x", "b.py": step()},
        "the step 'made' is defined twice: here and in pipelines/loans/b.py:4",
        "rename one of them",
    ),
    "YAML": ({"galley.yaml": "name: a\nvariables: {a: 1\n"}, "galley.yaml:3:1: invalid YAML", ""),
    "YAML with a tab": ({"galley.yaml": "name: a\n\tb: 1\n"}, "galley.yaml:2:", "spaces"),
    "YAML with a control character": ({"galley.yaml": "name: a\nx: b\0\n"}, "galley.yaml:2:", ""),
    "YAML in another encoding": ({"galley.yaml": b"name: a\nx: \xe9\n"}, "galley.yaml:2:", "UTF-8"),
    "YAML that is a list": ({"galley.yaml": "- a\n"}, "galley.yaml:1:1: galley.yaml must be", ""),
    "empty": ({"galley.yaml": ""}, "galley.yaml:1:1: galley.yaml lacks the key 'name'", ""),
    "huge number": (
        {"galley.yaml": f"name: a\nvariables: {{n: {'9' * 5000}}}\n"},
        "galley.yaml:2:16: 99999999999999999999… is too large a number",
        "",
    ),
    "deep YAML": (
        {"tests/a.yaml": "a: " + "[" * 3000 + "]" * 3000},
        "the values are nested more than 100 deep",
        "",
    ),
    "very deep YAML": ({"tests/a.yaml": "a:\n  " + "[" * 200_000}, "tests/a.yaml:2:", ""),
    "a text for a mapping": (
        {"galley.yaml": "name: a\nvariables: x\n"},
        "galley.yaml:2:1: variables: must be a mapping of keys to values",
        "",
    ),
    "key": (
        {"galley.yaml": "name: a\nvariabels: {a: 1}\n"},
        "galley.yaml:2:1: galley.yaml has no key 'variabels'",
        "did you mean 'variables'?",
    ),
    "header": ({"a.sql": header("tests: [")}, "a.sql:3:1: invalid YAML", ""),
    "key of a header": (
        {"a.sql": header("materialise: view")},
        "a.sql:2:1: a SQL step has no key 'materialise'",
        "did you mean 'materialize'?",
    ),
    "value of a header": (
        {"a.sql": header("materialize: tabel")},
        "a.sql:2:1: materialize: 'tabel' is not one of",
        "did you mean 'table'?",
    ),
    "retries": ({"a.sql": header("retries: many")}, "a.sql:2:1: retries:", "write a number"),
    "fewer retries than none": ({"a.sql": header("retries: -3")}, "a.sql:2:1: retries:", "number"),
    "memory": ({"a.sql": header("memory: lots")}, "a.sql:2:1: memory: 'lots' is no size", "512MB"),
    "timeout": ({"a.sql": header("timeout: soon")}, "a.sql:2:1: timeout: 'soon'", "'5m'"),
    "open comment": (
        {"a.sql": "/* @galley\nowner: x\nSELECT 1 AS x"},
        "a.sql:1:1: the comment that begins here is never closed",
        "add */",
    ),
    "SQL": ({"a.sql": "SELECT 1 AS x\nFORM b"}, "a.sql:2:1: SQL that cannot be parsed", "FORM"),
    "deep SQL": (
        {"a.sql": "SELECT " + "abs(" * 900 + "1" + ")" * 900},
        "a.sql:1:1: SQL that cannot be parsed: an expression is nested too deeply",
        "",
    ),
    "SQL that writes": (
        {"a.sql": "\nINSERT INTO b SELECT 1"},
        "a.sql:2:1: a SQL step is one SELECT, and this statement begins with INSERT",
        "write the SELECT alone",
    ),
    "SQL that writes after WITH": (
        {"a.sql": "WITH x AS (SELECT 1)\nDELETE FROM b"},
        "a.sql:1:1: SQL that cannot be parsed: the statement is no SELECT",
        "",
    ),
    "a second statement": (
        {"a.sql": "SELECT 1 AS x;\nDROP TABLE a"},
        "a.sql:2:1: a SQL step is one SELECT, and here are 2 statements",
        "",
    ),
    "SQL that reads a file": (
        {"a.sql": "SELECT * FROM read_csv('/etc/passwd')"},
        "a.sql:1:15: read_csv() reads from outside",
        "galley add",
    ),
    "SQL in another encoding": (
        {"a.sql": b"SELECT 1\nAS \xe9"},
        "a.sql:2: the file is not",
        "UTF-8",
    ),
    "parameter": (
        {"a.sql": "SELECT $largst AS x", "galley.yaml": "name: a\nvariables: {largest: 1}\n"},
        "a.sql:1:8: the variable 'largst' is defined nowhere",
        "did you mean 'largest'?",
    ),
    "Python": ({"a.py": "def a(:\n    pass\n"}, "a.py:1:7: Python that cannot be parsed", ""),
    "deep Python": (
        {"a.py": f"x = {CHAIN}\n"},
        "a.py: Python that cannot be parsed: an expression is nested too deeply",
        "split",
    ),
    "argument of @step": (
        {"a.py": step("materialise='table'")},
        "a.py:3:7: @step has no key 'materialise'",
        "did you mean 'materialize'?",
    ),
    "argument that is no literal": (
        {"a.py": step("materialize=MODE")},
        "a.py:3:19: 'MODE' is not a literal",
        "write the value itself",
    ),
    "variable of a Python step": (
        {"a.py": step("", "*, windw")},
        "a.py:4:13: the variable 'windw' is defined nowhere",
        "galley.yaml",
    ),
    "no window": (
        {"a.sql": header("materialize: window")},
        "a.sql:2:1: materialize: window needs a window",
        "window: {column",
    ),
    "unit of a window": ({"a.sql": window("by: fortnight")}, "a.sql:3:23: window.by", "week"),
    "start of a window": (
        {"a.sql": window("by: day, start: 2024-02-30")},
        "a.sql:3:32: window.start: '2024-02-30' is no date",
        "YYYY-MM-DD",
    ),
    "end of a window": (
        {"a.sql": window("by: day, start: 2024-02-20, end: 2024-01-01")},
        "a.sql:3:51: the window ends (2024-01-01) before it starts",
        "exclusive",
    ),
    "time zone": (
        {"a.sql": window("by: day, timezone: ../../etc/passwd")},
        "a.sql:3:32: window.timezone: there is no time zone",
        "Europe/Zurich",
    ),
    "append twice": (
        {"a.sql": header("materialize: append")},
        "a.sql:2:1: materialize: append",
        "",
    ),
    "merge without key": ({"a.sql": header("materialize: merge")}, "a.sql:2:1:", "add `key:"),
    "column of a window": (
        {"a.sql": window("by: day").replace("AS day", "AS dya")},
        "a.sql:3:10: the SELECT makes no column 'day'",
        "did you mean 'dya'?",
    ),
    "column of a key": (
        {"a.sql": header("materialize: merge\nkey: [fee, lons]") + ", 2 AS loans"},
        "a.sql:3:1: the SELECT makes no column 'lons'",
        "did you mean 'loans'?",
    ),
    "column of a cursor": (
        {"a.sql": header("materialize: append\ncursor: at")},
        "a.sql:3:1: the SELECT makes no column 'at'",
        "its columns: fee",
    ),
    "bound of a window with a cursor": (
        {"a.sql": header("materialize: append\ncursor: fee") + " WHERE 1 > $start"},
        "a.sql:5:27: $start is a bound of the window, and the step has none",
        "leave the filter out",
    ),
    "column of a test": (
        {"a.sql": header("tests:\n  - range: {column: fe, min: 1}")},
        "a.sql:3: the step 'a' makes no column 'fe'",
        "did you mean 'fee'?",
    ),
    "column of a test of another table": (
        {
            "a.sql": header("tests:\n  - foreign_key: {column: fee, to: {table: b, column: fees}}"),
            "b.sql": "SELECT 1 AS fee FROM (SELECT * FROM a)",
            "tests/b.yaml": "b:\n  - compare: {column: fee, op: '<', other: paid}\n",
        },
        "a.sql:3: the step 'b' makes no column 'fees'",
        "did you mean 'fee'?",
    ),
    "column of a test in a file": (
        {"a.sql": "SELECT 1 AS fee", "tests/a.yaml": "a:\n  - not_null: [fee, paid]\n"},
        "tests/a.yaml:2: the step 'a' makes no column 'paid'",
        "its columns: fee",
    ),
    "test": (
        {"a.sql": header("tests: [{uniqe: fee}]")},
        "a.sql:2:10: there is no test 'uniqe'",
        "did you mean 'unique'?",
    ),
    "option of a test": (
        {"a.sql": header("tests:\n  - range: {column: fee, mn: 1}")},
        "a.sql:3:26: the test 'range' has no parameter 'mn'",
        "did you mean 'min'?",
    ),
    "severity": (
        {"a.sql": header("tests:\n  - range: {column: fee, min: 1, severity: wrn}")},
        "a.sql:3:34: severity: 'wrn' is not one of fail, warn",
        "",
    ),
    "test that nothing passes": (
        {"a.sql": header("tests:\n  - range: {column: fee, min: 5, max: 1}")},
        "min (5) is above max (1)",
        "",
    ),
    "tested table": (
        {"loans.sql": "SELECT 1 AS x", "tests/a.yaml": "lons:\n  - unique: x\n"},
        "tests/a.yaml:1:1: there is no table 'lons'",
        "did you mean 'loans'?",
    ),
    "test that writes": (
        {"a.sql": "SELECT 1 AS x", "tests/a.yaml": "a:\n  - sql: DELETE FROM a\n"},
        "tests/a.yaml:2:5: a SQL step is one SELECT, and this statement begins with DELETE",
        "",
    ),
    "kind": ({"a.yaml": "kind: lod\n"}, "a.yaml:1:1: there is no kind of step 'lod'", "'load'?"),
    "format": ({"a.yaml": LOANS + "format: cvs\n"}, "a.yaml:3:1: no format 'cvs'", "'csv'?"),
    "option of a load": (
        {"a.yaml": LOANS + "options: {delimeter: ';'}\n"},
        "a.yaml:3:11: csv has no option 'delimeter'",
        "did you mean 'delimiter'?",
    ),
    "value of an option": (
        {"a.yaml": LOANS + "options: {delimiter: '||'}\n"},
        "a.yaml:3:11: delimiter: '||' is not one character",
        "';'",
    ),
    "password": (
        {"a.yaml": "kind: load\nurl: postgres://ana:pw@db/x\ntable: t\n"},
        "a.yaml:2:1: a password must not stand in a file",
        "${NAME}",
    ),
    "secret": (
        {"a.yaml": "kind: load\nurl: 'postgres://ana:${PW}@db/x'\ntable: t\n"},
        "a.yaml:2:1: there is no secret 'PW'",
        "secrets: {PW: env:PW}",
    ),
    "connection": (
        {
            "a.yaml": "kind: load\nconnection: shp\ntable: t\n",
            "galley.yaml": "name: a\nconnections: {shop: postgres://db/x}\n",
        },
        "a.yaml:2:1: there is no connection 'shp'",
        "did you mean 'shop'?",
    ),
}


@pytest.mark.parametrize(("files", "said", "hint"), WRONG.values(), ids=WRONG)
def test_a_problem_has_a_place_and_a_way_out(
    files: dict[str, str | bytes], said: str, hint: str, tmp_path: Path
) -> None:
    with pytest.raises(DefinitionError) as caught:
        compile_project(write(tmp_path, files))
    assert caught.value.exit_code == 2
    found = getattr(caught.value, "problems", (caught.value,))
    assert any(said in str(one) and hint in str(one) for one in found), found


def test_long_but_flat_python_is_fine(tmp_path: Path) -> None:
    """Python's own writer of syntax trees gives up at some hundred operators."""
    long = f"TEXT = {'+'.join(['1'] * 700)}\n{step()}"
    first = compile_project(write(tmp_path, {"a.py": long})).steps["made"].code_hash
    changed = compile_project(write(tmp_path, {"a.py": long.replace("1+1", "1+2", 1)}))
    assert changed.steps["made"].code_hash != first


def test_a_broken_project_changes_nothing(tmp_path: Path) -> None:
    write(tmp_path, {"a.sql": "SELECT * FROM loanz", "b.sql": "SELEC 1"})
    ana = Inside(tmp_path)
    for command in (["run"], ["plan"], ["preview", "a"], ["promote", "--yes"], ["backfill"]):
        ran = ana.galley(*command)
        assert ran.status == 2
        assert "pipelines/loans/a.sql:1:15: there is no table 'loanz'" in ran.err
        assert "2 problems" in ran.err
    assert ana.heads().keys() == {"production"}
    assert list((tmp_path / ".galley/warehouse").iterdir()) == []


def test_check_answers_programs_too(tmp_path: Path) -> None:
    write(tmp_path, {"a.sql": "SELECT * FROM loanz", "loans.yaml": LOANS})
    answer = Shell(tmp_path).galley("check", "--json", expect=2).follows("check")
    assert not answer["ok"]
    (problem,) = answer["problems"]
    assert problem["where"] == "pipelines/loans/a.sql:1:15"
    assert problem["hint"] == "did you mean 'loans'?"
    assert json.dumps(problem)
