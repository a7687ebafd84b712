"""A project from `galley init` to production and back, as its users type it."""

from pathlib import Path

import pytest

from tests.cli_cast import DUPLICATED, Shell, shop, validate

TABLES = ["best_customers", "orders", "raw_orders"]


@pytest.fixture(scope="module")
def ana(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """Ana at a project that has run in her kitchen. Tests here do not change it."""
    shell = shop(tmp_path_factory.mktemp("shop"))
    shell.galley("run", "--json").follows("run")
    return shell


def test_a_run_is_told_completely(ana: Shell) -> None:
    run = ana.galley("show", "last", "--json").follows("show")
    assert run["published"]
    assert run["ref"] == "kitchen/ana"
    assert [step["state"] for step in run["steps"]] == ["succeeded"] * 3
    assert {test["verdict"] for test in run["tests"]} == {"pass"}
    assert {one["origin"] for one in run["variables"]} == {"project"}
    assert [table["name"] for table in run["tables"]] == TABLES
    assert all(Path(one["out"]).parent.name == run["run"] for one in run["attempts"])


def test_a_run_is_found_by_the_beginning_of_its_id(ana: Shell) -> None:
    runs = ana.galley("runs", "--json").follows("runs")["runs"]
    ana.galley("pools", "--json").follows("pools")
    first = runs[-1]["run"]
    assert ana.galley("runs", "show", first[:10], "--json").json["run"] == first
    ana.galley("show", "zzzzzz", expect=2)


def test_nothing_changed_means_everything_is_reused(ana: Shell) -> None:
    plan = ana.galley("plan", "--json").follows("plan")
    assert [step["action"] for step in plan["steps"]] == ["reuse"] * 3
    plan = ana.galley("plan", "--var", "best=2", "--json").json
    assert [step["action"] for step in plan["steps"]] == ["reuse", "reuse", "run"]
    assert {"name": "best", "value": 2, "origin": "flag"} in plan["variables"]


def test_a_plan_opens_no_kitchen(ana: Shell) -> None:
    ana.galley("plan", "--in", "kitchen/planned", "--json").follows("plan")
    refs = ana.galley("kitchen", "--json").follows("kitchens")["refs"]
    assert "kitchen/planned" not in [ref["ref"] for ref in refs]


def test_tables_are_listed_with_their_marks(ana: Shell) -> None:
    answer = ana.galley("tables", "--json").follows("tables")
    assert [table["name"] for table in answer["tables"]] == TABLES
    assert [table["untested"] for table in answer["tables"]] == [False] * 3
    assert [table["stale"] for table in answer["tables"]] == [[], [], []]
    assert all(Path(table["location"]).is_absolute() for table in answer["tables"])
    assert all(Path(table["location"]).is_file() for table in answer["tables"])
    history = ana.galley("tables", "history", "orders", "--json").follows("table_history")
    assert [version["rows"] for version in history["versions"]] == [60]
    known = {table["location"] for table in answer["tables"]}
    assert {version["location"] for version in history["versions"]} <= known
    shown = ana.galley("show", "--json").follows("show")
    assert {table["location"] for table in shown["tables"]} <= known
    metrics = ana.galley("tables", "metrics", "ORDERS", "--json").follows("table_metrics")
    assert metrics["metrics"]


def test_a_query_answers_with_its_commit(ana: Shell) -> None:
    query = "SELECT count(*) AS n, max(day) AS last FROM orders WHERE quantity >= $least"
    answer = ana.galley("sql", query, "--param", "least=1", "--json").follows("sql")
    assert answer["rows"] == [{"n": 60, "last": "2024-03-21"}]
    assert answer["commit"] == ana.galley("tables", "--json").json["commit"]


def test_rows_are_written_in_every_format(ana: Shell, tmp_path: Path) -> None:
    query = "SELECT order_id, product FROM orders ORDER BY order_id LIMIT 2"
    csv = ana.galley("sql", query, "--format", "csv")
    assert csv.out.splitlines()[0] == "order_id,product"
    assert ana.galley("sql", query, "--format", "json").json[0]["order_id"] == 1
    target = tmp_path / "rows.parquet"
    written = ana.galley("sql", query, "--output", str(target))
    assert target.read_bytes()[:4] == b"PAR1"
    assert "2 rows written" in written.err
    assert [path.name for path in tmp_path.iterdir()] == ["rows.parquet"]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELEC 1", "SQL"),
        ("SELECT * FROM ordrs", "did you mean orders?"),
        ("SELECT nosuch FROM orders", "nosuch"),
        ("DELETE FROM orders", "DELETE"),
        ("SELECT 1; SELECT 2", "2 statements"),
        ("SELECT * FROM read_csv('/etc/passwd')", "outside"),
        ("SELECT * FROM orders WHERE order_id = $id", "$id"),
        ("COPY orders TO '/tmp/x.csv'", "COPY"),
        ("", "no SELECT"),
    ],
)
def test_a_wrong_query_is_refused(ana: Shell, query: str, said: str) -> None:
    assert said in ana.galley("sql", query, expect=2).err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", "shp"), "did you mean shop?"),
        (("run", "--select", "ordrs"), "did you mean 'orders'?"),
        (("run", "--var", "lagest=1"), "largest"),
        (("run", "--var", "largest=many"), "number"),
        (("run", "--window", "2024-01-01"), "windowed"),
        (("run", "--in", "prodution"), "production"),
        (("tables", "--at", "kitchen/ana@zzzzzzzz"), "zzzzzzzz"),
        (("history", "kitchen/nobody"), "kitchen/nobody"),
        (("tables", "history", "ordrs"), "orders"),
        (("rollback", "kitchen/ana"), "reason"),
        (("release", "shop"), "not held"),
        (("cancel", "last"), "ended already"),
        (("tag", "not a name"), "name"),
        (("preview", "ordrs"), "orders"),
        (("add", "nosuch.csv"), "nosuch.csv"),
    ],
)
def test_wrong_use_names_what_is_right(ana: Shell, arguments: tuple[str, ...], said: str) -> None:
    ran = ana.galley(*arguments, expect=None)
    assert ran.status in (1, 2)
    assert said in ran.err
    assert "Traceback" not in ran.out + ran.err


def test_the_code_of_an_environment_is_what_was_promoted(ana: Shell) -> None:
    assert "promote" in ana.galley("run", "--in", "production", expect=2).err


def test_a_preview_writes_nothing(ana: Shell) -> None:
    before = ana.galley("history", "--json").follows("history")
    shown = ana.galley("preview", "best_customers", "--limit", "2", "--json").follows("preview")
    assert [row["customer"] for row in shown["rows"]] == ["Ana", "Fay"]
    assert ana.galley("history", "--json").json == before


def test_the_home_is_sound(ana: Shell) -> None:
    checks = ana.galley("doctor", "--json").follows("doctor")["checks"]
    assert {check["name"] for check in checks} >= {"python", "database", "schema", "warehouse"}
    files = ana.galley("gc", "--plan", "--json").follows("gc")["files"]
    assert (files["remove"], files["unknown"]) == (0, [])
    assert files["kept"] > 0


def test_broken_definitions_hide_nothing_else(tmp_path: Path) -> None:
    ana = shop(tmp_path)
    assert ana.galley("check", "--json").follows("check")["ok"]
    ana.write("pipelines/shop/orders.sql", "SELEC 1")
    answer = ana.galley("check", "--json", expect=2).follows("check")
    assert "pipelines/shop/orders.sql:1:1" in [one["where"] for one in answer["problems"]]
    validate(ana.galley("run", "--json", expect=2).json, "error")
    for command in ("runs", "tables", "history", "audit", "kitchen"):
        ana.galley(command)


def test_a_blocking_test_publishes_nothing_until_somebody_answers_for_it(tmp_path: Path) -> None:
    ana = shop(tmp_path)
    ana.write("pipelines/shop/orders.sql", DUPLICATED)
    (tmp_path / "shop/tests/orders.yaml").unlink()
    ana.write("pipelines/shop/best_customers.py", "")
    run = ana.galley("run", "--json", expect=1).follows("run")
    (test,) = [test for test in run["tests"] if test["blocks"]]
    assert (test["name"], test["verdict"], test["failing"]) == ("one_row_each", "fail", 6)
    assert not run["published"]
    assert ana.galley("tables", "--json").json["tables"] == []
    assert ana.galley("resume", "--json", expect=1).follows("run")["cause"] == "resume"
    ana.write("pipelines/shop/orders.sql", "this is no SQL")
    again = ana.galley("resume", "--same-code", "--json", expect=1).json
    assert [test["name"] for test in again["tests"] if test["blocks"]] == ["one_row_each"]
    override = ("runs", "publish", "last", "--override", "one_row_each")
    assert "reason" in ana.galley(*override, expect=2).err
    done = ana.galley(*override, "--reason", "known", "--json").follows("run")
    assert done["published"]
    marks = {t["name"]: t["overrides"] for t in ana.galley("tables", "--json").json["tables"]}
    assert [one["by"] for one in marks["orders"]] == ["ana"]
    assert marks["raw_orders"] == []


def test_a_failing_step_says_where(tmp_path: Path) -> None:
    ana = shop(tmp_path)
    code = (
        "from galley import step\n\n\n@step\ndef bad(orders):\n    print('hi')\n    return 1 / 0\n"
    )
    ana.write("pipelines/shop/bad.py", code)
    ran = ana.galley("run", expect=1)
    assert "pipelines/shop/bad.py:7" in ran.out
    assert "kitchen/ana is untouched" in ran.out
    assert ana.galley("logs", "last", "bad", "--stream", "out").out == "hi\n"
    assert "did you mean bad?" in ana.galley("logs", "last", "bda", expect=2).err
