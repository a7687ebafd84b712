"""Steps that misbehave: each gets an answer, nothing is published, and no process stays."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.acceptance.inside import Inside, write
from tests.cli_cast import Ran, Shell

HEAD = "import os, signal, subprocess, sys, time\nimport pyarrow as pa\nfrom galley import step\n\n"
ROWS = "return pa.table({'a': [1]})"
SLEEPER = "613.25"

# What a step does, and the end of the attempt: its reason and what is said.
FAILING = {
    "raises": ("@step", "deeper(); return {}['no']", "user_error", "KeyError: 'no'"),
    "interrupts": ("@step", "raise KeyboardInterrupt", "user_error", "KeyboardInterrupt"),
    "leaves": ("@step", "sys.exit('bye')", "user_error", "the step called sys.exit('bye')"),
    "nothing": ("@step", "pass", "user_error", "returned nothing (None), and nothing was due"),
    "number": ("@step", "return 42", "user_error", "the step number returned an int"),
    "part": ("@step(makes=['p', 'q'])", "return {'p': []}", "user_error", "a dict without q"),
    "bare": ("@step", "return pa.table({})", "user_error", "returned a table without columns"),
    "alike": (
        "@step",
        "return pa.table([pa.array([1])] * 2, names=['a', 'A'])",
        "user_error",
        "returned two columns named 'a' and 'A'",
    ),
    "uneven": (
        "@step",
        "yield pa.record_batch({'a': [1]}); yield pa.record_batch({'b': [1]})",
        "user_error",
        "a batch does not have the columns of the first one",
    ),
    "halfway": (
        "@step",
        "yield pa.record_batch({'a': [1]}); raise ValueError('half way')",
        "user_error",
        "ValueError: half way",
    ),
    "imports": ("@step", "import pandsa", "user_error", "No module named 'pandsa'"),
    "secretive": ("@step(secrets=['pw'])", ROWS, "user_error", "the secret pw is not set"),
    "leaks": (
        "@step(memory='250MB')",
        "kept = [bytearray(20_000_000) for _ in range(10_000)]",
        "out_of_memory",
        "its limit is 250 MB",
    ),
    "sleeps": ("@step(timeout='1s')", "time.sleep(60)", "timeout", "longer than its limit of 1 s"),
    "deaf": (
        "@step(timeout='1s')",
        "signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)",
        "timeout",
        "longer than its limit of 1 s",
    ),
    "quits": ("@step", "os._exit(3)", "lost_worker", "exited with code 3 before returning"),
    "closes": ("@step", "os.closerange(3, 200)", "lost_worker", "it was tried 3 times"),
}
HARMLESS = {
    "prints": f"print('x' * 2**20); {ROWS}",
    "forks": f"os.fork() or time.sleep({SLEEPER}); {ROWS}",
    "returns": f"os.fork(); {ROWS}",
    "escapes": f"subprocess.Popen(['sleep', '{SLEEPER}'], start_new_session=True); {ROWS}",
    "mutes": f"sys.stdout.close(); os.close(1); {ROWS}",
    "moves": f"os.chdir('/'); os.environ.clear(); {ROWS}",
}
PLACED = {"raises", "halfway", "imports", "leaves", "interrupts"}


def text(name: str, decorator: str, body: str) -> str:
    """A file with one step; the body is one line, the sixth."""
    return f"{HEAD}{decorator}\ndef {name}():\n    {body}\n\ndef deeper(): pass\n"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ran]:
    """One run of them all."""
    files: dict[str, str | bytes] = {
        "galley.yaml": "name: library\nsecrets: {pw: env:NO_SUCH_VARIABLE}\n"
    }
    for name, (decorator, body, *_) in FAILING.items():
        files[f"{name}.py"] = text(name, decorator, body)
    for name, body in HARMLESS.items():
        files[f"{name}.py"] = text(name, "@step", body)
    folder = write(tmp_path_factory.mktemp("steps"), files)
    return folder, Shell(folder).galley("run", "--json", expect=1)


def told(ran: Ran, name: str) -> dict[str, Any]:
    """What a run says of a step."""
    step: dict[str, Any] = next(one for one in ran.json["steps"] if one["name"] == name)
    return step


@pytest.mark.parametrize("name", FAILING)
def test_a_step_fails_alone_and_says_why(run: tuple[Path, Ran], name: str) -> None:
    _, _, reason, said = FAILING[name]
    step = told(run[1], name)
    assert (step["state"], step["reason"]) == ("failed", reason)
    assert said in step["message"]
    if name in PLACED:
        assert step["where"] == f"pipelines/loans/{name}.py:7"


@pytest.mark.parametrize("name", HARMLESS)
def test_a_step_may_be_untidy(run: tuple[Path, Ran], name: str) -> None:
    step = told(run[1], name)
    assert (step["state"], step["rows"]) == ("succeeded", 1), step["message"]


def test_a_trace_holds_the_users_lines_only(run: tuple[Path, Ran]) -> None:
    trace = str(told(run[1], "halfway"))
    assert "ValueError: half way" in trace
    assert "galley/runs" not in str(run[1].json["steps"])


def test_nothing_is_published_and_nobody_stays(run: tuple[Path, Ran]) -> None:
    folder, ran = run
    assert ran.follows("run")["published"] is False
    assert Inside(folder).galley("tables", "--json").json["tables"] == []
    here = (" ".join(one.info["cmdline"] or ()) for one in psutil.process_iter(["cmdline"]))
    assert [line for line in here if SLEEPER in line or str(folder) in line] == []
    logs = list((folder / ".galley/logs").rglob("*prints*.out"))
    assert sum(path.stat().st_size for path in logs) > 2**20


def test_a_step_alone_says_what_it_lacks(tmp_path: Path) -> None:
    write(tmp_path, {"src.sql": "SELECT 1 AS a", "b.sql": "SELECT a FROM src"})
    ran = Shell(tmp_path).galley("run", "--select", "b", expect=1)
    assert "the step b reads src, and there is no table src yet" in ran.out
    assert "at pipelines/loans/b.sql:1" in ran.out
    assert "run the step that makes src first" in ran.out


SLOW = text("slow", "@step", f"open('begun', 'w').close(); time.sleep(1); {ROWS}")


@contextmanager
def begun(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A run whose step has begun."""
    process = subprocess.Popen(
        [sys.executable, "-m", "galley", "run"],
        cwd=folder,
        env={**os.environ, "GALLEY_USER": "ana"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = time.monotonic() + 30
        while not (folder / "begun").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        yield process
    finally:
        process.kill()
        process.communicate()


def workers(folder: Path) -> list[int]:
    """The processes that still belong to a project's home."""
    lines = ((one.pid, one.info["cmdline"] or ()) for one in psutil.process_iter(["cmdline"]))
    return [pid for pid, words in lines if str(folder / ".galley") in " ".join(words)]


def test_an_interrupt_cancels_and_leaves_nobody(tmp_path: Path) -> None:
    ana = Inside(write(tmp_path, {"slow.py": SLOW}))
    with begun(tmp_path) as process:
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, "Traceback" in out + err) == (130, False)
    assert "kitchen/ana is untouched" in out
    assert ana.galley("runs", "--json").json["runs"][0]["state"] == "cancelled"
    assert workers(tmp_path) == []


def test_a_killed_command_is_carried_on_by_the_next(tmp_path: Path) -> None:
    ana = Shell(write(tmp_path, {"slow.py": SLOW}))
    with begun(tmp_path) as process:
        process.kill()
        process.wait(timeout=10)
    ana.galley("run")
    runs = ana.galley("runs", "--json").json["runs"]
    assert [run["state"] for run in runs] == ["succeeded", "succeeded"]
    answer = ana.galley("sql", "SELECT count(*) AS n FROM slow", "--json").json
    assert answer["rows"] == [{"n": 1}]
    assert workers(tmp_path) == []


def test_two_commands_share_a_home(tmp_path: Path) -> None:
    ana = Shell(write(tmp_path, {"slow.py": SLOW}))
    with begun(tmp_path) as process:
        ana.galley("run", "--in", "kitchen/other")
        assert process.wait(timeout=30) == 0
    states = [run["state"] for run in ana.galley("runs", "--json").json["runs"]]
    assert states == ["succeeded", "succeeded"]
    assert {"kitchen/ana", "kitchen/other"} <= Inside(tmp_path).heads().keys()


def test_each_step_that_failed_has_its_place_and_hint(tmp_path: Path) -> None:
    raises = "from galley import step\n\n\n@step\ndef bad(src):\n    return 1 / 0\n"
    write(
        tmp_path,
        {"src.sql": "SELECT 1 AS a", "one.sql": "SELECT aa FROM src", "bad.py": raises},
    )
    said = Inside(tmp_path).galley("run").out
    assert 'failed: one: Referenced column "aa"' in said
    assert "at pipelines/loans/one.sql:1" in said
    assert "hint: did you mean 'a'?" in said
    assert "failed: bad: ZeroDivisionError: division by zero" in said
    assert "at pipelines/loans/bad.py:6" in said
