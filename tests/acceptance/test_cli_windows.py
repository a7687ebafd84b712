"""Runs of windows, backfills, interrupts and stopped runs at the command line."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli_cast import Shell

DAYS = """\
from galley import step


@step(
    materialize="window",
    window={"column": "day", "by": "day", "start": "2024-01-01", "end": "2024-02-10"},
    tests=[{"row_count": {"min": 1}}],
)
def days(*, window):
    return [{"day": window.start, "n": 1}]
"""
SLOW = """\
import time

from galley import step


@step
def slow():
    print("begun", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def ana(tmp_path: Path) -> Shell:
    """Ana at a project with windowed steps."""
    shell = Shell(tmp_path)
    shell.write("galley.yaml", "name: win\n")
    shell.write("pipelines/days/days.py", DAYS)
    shell.write("pipelines/days/total.sql", "SELECT sum(n) AS n FROM days")
    return shell


def test_windows_are_made_as_asked_and_in_batches(ana: Shell) -> None:
    run = ana.galley("run", "--window", "2024-01-03..2024-01-05", "--json").follows("run")
    assert len(run["steps"][0]["windows"]) == 2
    plan = ana.galley("plan", "--json").follows("plan")
    assert len(plan["steps"][0]["windows"]) == 38
    assert "galley backfill" in ana.galley("run", expect=1).out
    done = ana.galley("backfill", "--batch", "20", "--json").follows("run")
    assert done["published"]
    assert len(done["children"]) == 3
    answer = ana.galley("sql", "SELECT n FROM total", "--json").json
    assert answer["rows"] == [{"n": 40}]
    tables = ana.galley("tables", "--json").json["tables"]
    assert [table["stale"] for table in tables] == [[], []]


def test_an_interrupt_ends_the_run_and_publishes_nothing(ana: Shell) -> None:
    ana.write("pipelines/slow/slow.py", SLOW)
    with _running(ana, "run", "slow", "--json") as process:
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert '"state": "cancelled"' in out
    assert "Traceback" not in err
    assert ana.galley("tables", "--json").json["tables"] == []


def test_a_second_interrupt_leaves_at_once(ana: Shell) -> None:
    deaf = "import signal\n\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    ana.write(
        "pipelines/slow/slow.py", SLOW.replace('    print("', f'    exec({deaf!r})\n    print("')
    )
    with _running(ana, "run", "slow") as process:
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        while "asked to cancel" not in process.stderr.readline():
            pass
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=2) == 130
    done = ana.galley("run", "days", "--window", "2024-01-03", "--json").follows("run")
    assert done["published"]
    states = [run["state"] for run in ana.galley("runs", "--json").json["runs"]]
    assert states[0] == "succeeded"
    assert states[1] == "cancelled"


def test_a_run_is_cancelled_from_elsewhere(ana: Shell) -> None:
    ana.write("pipelines/slow/slow.py", SLOW)
    with _running(ana, "run", "slow") as process:
        assert ana.galley("cancel", "last", "--json").follows("asked")["asked"] == "cancel"
        out, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "kitchen/ana is untouched" in out


@contextmanager
def _running(shell: Shell, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A command whose slow step has begun; it is gone afterwards, whatever happens."""
    process = subprocess.Popen(
        [sys.executable, "-m", "galley", *arguments],
        cwd=shell.folder,
        env=os.environ | {"GALLEY_USER": "ana"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            _wait_for_output(shell)
            yield process
        finally:
            process.kill()


def _wait_for_output(shell: Shell) -> None:
    """Until the slow step has printed something."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if any(shell.folder.glob(".galley/logs/*/slow.*.out")):
            return
        time.sleep(0.1)
    raise AssertionError("the step did not begin")
