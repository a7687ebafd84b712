"""The command line against a server: the same answers as where the home is."""

import os
import re
import signal
import threading
from collections.abc import Iterator

import pytest

from tests.cli_cast import validate
from tests.integration.api.both import Both
from tests.integration.api.conftest import prepared, works_in
from tests.integration.server.kit import until


@pytest.fixture(scope="module")
def ana(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """A project with a run in its owner's kitchen, a promotion, a failure and a slow step."""
    works = works_in(tmp_path_factory.mktemp("contexts"))
    for served in prepared(works):
        slow = "@step\ndef slow():\n    import time\n    print('begun', flush=True)\n"
        slow += "    time.sleep(60)\n    return [{'n': 1}]\n"
        works.python("slow", slow, pipeline="long")
        works.sql("bad", "SELECT n FROM (SELECT 1 AS n) WHERE n > error('no')", pipeline="bad")
        both = Both(served, works.root / "contexts.json")
        assert both.there("context", "add", "shop", served.url).status == 0
        yield both


READS = (
    "runs",
    "runs --pipeline p --limit 1",
    "runs --pipeline nope",
    "show",
    "show nope",
    "tables",
    "tables --at production",
    "tables history orders",
    "tables history ordrs",
    "tables metrics orders --limit 3",
    "history",
    "history production --limit 1",
    "history kitchen/nobody",
    "diff",
    "plan p",
    "plan p --rebuild orders",
    "plan q",
    "plan",
    "sql SELECT*FROM(orders)",
    "sql SELEC",
    "kitchen",
    "triggers",
    "triggers next",
    "triggers fires",
    "alerts",
    "pools",
    "audit --limit 3",
    "versions",
    "versions show last --against production",
    "users",
    "teams",
    "tokens",
    "promote --dry-run",
    "rollback production --dry-run",
    "cancel last",
)


AGE = re.compile(r"\d+ seconds? ago|\d+ s ago|just now")
"""It goes on between two commands."""


@pytest.mark.parametrize("command", READS)
def test_an_answer_is_the_same_from_a_server(ana: Both, command: str) -> None:
    words = [word.replace("(", " ").replace(")", "") for word in command.split()]
    here, there = (run(*words, "--json") for run in (ana.here, ana.there))
    assert there.status == here.status
    if here.status:
        assert there.json["error"]["code"] == here.json["error"]["code"]
        return
    assert there.json == here.json
    here, there = (run(*words) for run in (ana.here, ana.there))
    assert AGE.sub("lately", there.out) == AGE.sub("lately", here.out)


def test_what_was_printed_and_rows_as_files_are_the_same(ana: Both) -> None:
    first = ana.here("runs", "--json").json["runs"][-1]["run"]
    printed = ana.there("logs", first, "talk")
    assert printed.out == ana.here("logs", first, "talk").out == "grüße\n"
    assert printed.err.splitlines()[1:] == ana.here("logs", first, "talk").err.splitlines()
    made = []
    for run in (ana.here, ana.there):
        file = ana.contexts.with_name(f"{run.__name__}.csv")
        ran = run("sql", "SELECT * FROM orders ORDER BY ALL", "--output", str(file))
        assert "3 rows written" in ran.err
        made.append(file.read_text())
    assert made[0] == made[1] == "order_id,amount\n1,20\n2,40\n3,60\n"


def test_a_run_is_followed_to_its_end(ana: Both) -> None:
    ran = ana.there("run", "p", "--rebuild", "orders", "--json")
    assert ran.status == 0, ran.err
    validate(ran.json, "run")
    shown = ana.there("show", "--json").json
    assert shown == shown | ran.json
    assert "✓ orders succeeded" in ran.err
    assert "orders: 2 tests passed" in ran.err
    failed = ana.there("run", "bad")
    assert failed.status == 1
    assert "✗ bad failed" in failed.err
    assert "kitchen/ana is untouched" in failed.out
    unknown = ana.there("run", "ped")
    assert (unknown.status, "has no pipeline ped" in unknown.err) == (2, True)


def test_a_backfill_is_followed(ana: Both) -> None:
    ana.served.works.load("days", "day,n\n2024-01-01,1\n2024-01-02,2\n", pipeline="w")
    window = {"column": "day", "by": "day", "start": "2024-01-01", "end": "2024-01-03"}
    select = "SELECT day, n FROM days WHERE day >= $start AND day < $end"
    ana.served.works.sql("daily", select, pipeline="w", materialize="window", window=window)
    ran = ana.there("backfill", "w", "--batch", "1", "--json")
    assert ran.status == 0, ran.err
    validate(ran.json, "run")
    assert ran.json["backfill"]["made"] == 2
    assert "2 windows to make" in ran.err


def test_ctrl_c_stops_the_run_and_its_logs_end(ana: Both) -> None:
    def interrupt() -> None:
        log = ana.served.home.path / "logs"
        until(lambda: any(one.stat().st_size for one in log.glob("*/slow.1.out")), "the step")
        os.kill(os.getpid(), signal.SIGINT)

    beside = threading.Thread(target=interrupt)
    beside.start()
    ran = ana.there("run", "long")
    beside.join()
    assert (ran.status, "slow cancelled" in ran.err) == (130, True)
    logs = ana.there("logs", "-f")
    assert logs.out == "begun\n"
    assert "── slow #1 out ──" in logs.err


def test_what_needs_the_home_says_so(ana: Both) -> None:
    for command in (("gc",), ("doctor", "--json")):
        ran = ana.there(*command)
        assert ran.status == 2, ran.err
        assert "works where the home is" in ran.err + ran.out
    assert ana.there("check").status == 0
    assert ana.there("gc", "--help").status == 0


def test_kitchens_come_and_go_and_a_rollback_is_made(ana: Both) -> None:
    assert "✓ kitchen/oven is open" in ana.there("kitchen", "open", "oven").out
    assert "was open already" in ana.there("kitchen", "open", "oven").out
    assert "✓ kitchen/oven is closed" in ana.there("kitchen", "close", "oven", "--yes").out
    kept = ana.there("tag", "before", "--at", "production", "--json")
    assert (kept.json["tag"], kept.json["commit"]) == ("tag/before", ana.heads()["production"])
    done = ana.there("rollback", "production", "--reason", "it was wrong", "--json")
    validate(done.json, "rollback")
    assert done.json["applied"]
    assert ana.heads()["production"] == done.json["commit"]
    assert done.json["held"] == ["p"]
    assert ana.there("release", "q", "--in", "production").status == 2
    assert "✓ p may publish to production again" in ana.there("release", "p").out


def test_people_are_seen_to(ana: Both) -> None:
    link = ana.there("users", "add", "ben", "--role", "engineer", "--json")
    validate(link.json, "user_link")
    assert ana.there("users", "link", "ben").out.strip() != link.json["link"]
    validate(ana.there("users", "role", "ben", "operator", "--json").json, "user")
    assert "✓ ben: operator, disabled" in ana.there("users", "disable", "ben").out
    assert "✓ ben: operator, " in ana.there("users", "enable", "ben").out
    assert "✓ ovens: ben" in ana.there("teams", "set", "ovens", "ben").out
    made = ana.there("tokens", "new", "robot", "--user", "ben", "--role", "viewer", "--json")
    validate(made.json, "token_new")
    assert made.json["user"] == "ben"
    assert ana.there("tokens", "new", "robot", "--user", "bne").status == 2
    assert "✓ robot is revoked" in ana.there("tokens", "revoke", made.json["token"]).out
    for listed in ("users", "teams", "tokens"):
        assert ana.there(listed, "--json").json == ana.here(listed, "--json").json


def test_what_runs_is_the_folder_where_the_command_was_given(ana: Both) -> None:
    """Though the server was started in another folder of the project."""
    folder = ana.another_folder(times=5)
    ran = ana.there("run", "p", "--in", "kitchen/ben", folder=folder)
    assert ran.status == 0, ran.err
    assert (ana.total("kitchen/ben"), ana.total("kitchen/ana")) == (600, 120)
