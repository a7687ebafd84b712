"""The gated way to production, and the way back."""

from pathlib import Path

import pytest

from tests.cli_cast import Shell, shop


def test_to_production_and_back(tmp_path: Path) -> None:
    ana = shop(tmp_path)
    ana.galley("run")
    plan = ana.galley("promote", "--dry-run", "--json").follows("promotion")
    assert {step["action"] for step in plan["steps"]} == {"reuse"}
    assert [one["change"] for one in plan["code"]] == ["added"] * 3
    assert "--yes" in ana.galley("promote", expect=2).err
    run = ana.galley("promote", "--yes", "--json").follows("run")
    assert run["cause"] == "promotion"
    assert {step["state"] for step in run["steps"]} == {"reused"}
    diff = ana.galley("diff", "production", "kitchen/ana", "--json").follows("diff")
    assert diff["tables"] == []
    assert ana.galley("tag", "first", "--at", "production", "--json").follows("tag")
    _back(ana)


def _back(ana: Shell) -> None:
    shown = ana.galley("rollback", "production", "--dry-run", "--json").follows("rollback")
    assert not shown["applied"]
    assert "reason" in ana.galley("rollback", "production", "--yes", expect=2).err
    done = ana.galley("rollback", "production", "--reason", "wrong", "--json").follows("rollback")
    assert (done["applied"], done["held"]) == (True, ["shop"])
    assert ana.galley("tables", "--at", "production", "--json").json["tables"] == []
    tables = ana.galley("tables", "--at", "tag/first", "--json").json["tables"]
    assert len(tables) == 3
    kinds = [c["kind"] for c in ana.galley("history", "production", "--json").json["commits"]]
    assert kinds == ["rollback", "promote", "init"]
    assert "promote" in ana.galley("run", "--in", "production", expect=2).err
    assert "held" in ana.galley("promote", "--yes", expect=4).err
    assert ana.galley("release", "shop", "--json").follows("release")["released"] == 1
    entries = ana.galley("audit", "--json").follows("audit")["entries"]
    assert {"rollback", "promote", "release", "tag"} <= {one["action"] for one in entries}


def test_code_that_is_not_committed_is_not_promoted(tmp_path: Path) -> None:
    ana = shop(tmp_path)
    ana.git("init")
    ana.git("add", ".")
    ana.git("commit", "-m", "first")
    Path(tmp_path / "elsewhere.txt").write_text("not below the project")
    ana.galley("run")
    ana.write("notes.txt", "not committed")
    assert "notes.txt" in ana.galley("promote", "--yes", expect=4).err
    (ana.folder / "notes.txt").unlink()
    run = ana.galley("promote", "--yes", "--json").json
    assert len(ana.galley("show", run["run"], "--json").json["git_commit"]) == 40


@pytest.mark.long
def test_windows_that_production_has_can_stay(tmp_path: Path) -> None:
    ana = Shell(tmp_path)
    ana.write("galley.yaml", "name: win\n")
    head = "materialize: window\nwindow: {column: day, by: day, start: 2024-03-01, end: 2024-03-04}"
    sql = f"/* @galley\n{head}\n*/\nSELECT CAST($start AS DATE) AS day, 1 AS n"
    ana.write("pipelines/p/daily.sql", sql)
    ana.galley("promote", "--yes")
    ana.write("pipelines/p/daily.sql", sql.replace("1 AS n", "2 AS n"))
    shown = ana.galley("promote", "--dry-run").out
    assert "production has are made anew: daily (3)" in shown
    assert "--since DATE or --forward-only" in shown
    assert (
        "before 2024-03-03 stay" in ana.galley("promote", "--dry-run", "--since", "2024-03-03").out
    )
    plan = ana.galley("promote", "--dry-run", "--forward-only", "--json").follows("promotion")
    assert (plan["forward_only"], plan["steps"][0]["action"]) == (True, "reuse")
    ana.galley("promote", "--yes", "--since", "2024-03-03")
    rows = ana.galley(
        "sql", "SELECT n FROM daily ORDER BY day", "--at", "production", "--json"
    ).json
    assert [row["n"] for row in rows["rows"]] == [1, 1, 2]


def test_kitchens_belong_to_somebody(tmp_path: Path) -> None:
    ana = shop(tmp_path)
    ben = Shell(ana.folder, "ben")
    assert ana.galley("kitchen", "open", "try", "--json").follows("kitchen")["created"]
    assert not ana.galley("kitchen", "open", "try", "--json").json["created"]
    assert "taken by ana" in ben.galley("kitchen", "open", "try", expect=4).err
    ana.galley("run", "--in", "kitchen/try")
    assert len(ben.galley("tables", "--json", GALLEY_REF="kitchen/try").json["tables"]) == 3
    ana.galley("kitchen", "close", "try", expect=2)
    assert ana.galley("kitchen", "close", "try", "--json").follows("kitchen_close")["closed"]
    assert "kitchen/try" in ana.galley("tables", "--at", "kitchen/try", expect=2).err
    assert "production" in ana.galley("kitchen", "close", "production", expect=2).err


def test_a_source_is_added_without_its_password(tmp_path: Path) -> None:
    ana = shop(tmp_path)
    ana.galley("init", "--json", "other").follows("init")
    ana.write("more.csv", "id,name\n1,a\n")
    assert ana.galley("add", "more.csv", "--json").follows("add")["step"] == "more"
    ana.galley("add", "postgres://ben:hunter2@host/db/public.people")
    texts = [path.read_text() for path in ana.folder.rglob("*.yaml")]
    assert "hunter2" not in "".join(texts)
    assert ana.galley("check").status == 0


@pytest.mark.long
def test_a_promotion_of_code_alone_is_taken_back(tmp_path: Path) -> None:
    ana = Shell(tmp_path)
    ana.write("galley.yaml", "name: birds\n")
    ana.write("pipelines/p/birds.sql", "SELECT 1 AS ring")
    ana.galley("promote", "--yes")
    (first,) = ana.galley("history", "production", "--limit", "1", "--json").json["commits"]
    ana.write("tests/birds.yaml", "birds:\n  - range: {column: ring, min: 0}\n")
    ana.galley("promote", "--yes")
    done = ana.galley("rollback", "production", "--reason", "too strict", "--json")
    answer = done.follows("rollback")
    assert (answer["tables"], answer["held"]) == ([], ["p"])
    assert (answer["to"], answer["code_version"]) == (first["commit"], first["code_version"])
    head = ana.galley("history", "production", "--limit", "1", "--json").json["commits"][0]
    assert head["code_version"] == first["code_version"]
    assert "too strict" in ana.galley("promote", "--yes", expect=4).err
    run = ana.galley("run", "--in", "production", "--json").follows("run")
    assert (run["published"], run["tests"]) == (True, [])
    assert "code version:" in ana.galley("rollback", "production", "--dry-run").out
    ana.galley("rollback", "production", "--reason", "all of it")
    again = ana.galley("rollback", "production", "--dry-run", expect=2).err
    assert "is taken back already" in again
    assert "galley rollback production --to" in again


@pytest.mark.long
def test_a_table_that_is_taken_back_alone_is_named(tmp_path: Path) -> None:
    ana = shop(tmp_path)
    ana.galley("run")
    query = ana.folder / "pipelines/shop/orders.sql"
    query.write_text(query.read_text().replace("quantity > 0", "quantity > 1"))
    ana.galley("run")
    back = ("rollback", "kitchen/ana", "--table", "orders", "--reason", "wrong", "--yes")
    said = " ".join(ana.galley(*back).out.split())
    assert "kitchen/ana will show orders of commit" in said
    assert "kitchen/ana shows orders of commit" in said


def test_a_kitchen_goes_on_after_production_was_rolled_back(tmp_path: Path) -> None:
    ana = shop(tmp_path)
    ana.galley("run")
    ana.galley("promote", "--yes")
    ana.galley("rollback", "production", "--reason", "wrong prices", "--yes")
    assert "withdrawn by" in ana.galley("plan").out
    run = ana.galley("run", "--json").follows("run")
    assert run["published"]
    assert {step["why"].partition(" (")[2] for step in run["steps"]} == {"wrong prices)"}
    again = ana.galley("run", "--json").follows("run")
    assert {step["state"] for step in again["steps"]} == {"reused"}
