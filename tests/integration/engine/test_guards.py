"""The guards hold, and without any one of them a race of ``guarded`` is lost."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.engine import guarded

ROOT = Path(__file__).parents[3]

GUARDS = {
    "the epoch check": (
        "a_zombie_finishes",
        "runs/queue.py",
        '            step_run.c.epoch == bindparam("own_epoch"),\n',
        "",
    ),
    "the attempt's own record": (
        "a_lost_claim_is_answered",
        "runs/queue.py",
        "    return move.where(going.exists())\n",
        "    return move\n",
    ),
    "the compare-and-set of a publish": (
        "two_publish_at_once",
        "lake/refs.py",
        "(r.head == ref.head) & (r.generation == ref.generation)",
        "r.head.is_not(None)",
    ),
    "the withdrawn check of reuse": (
        "what_was_withdrawn_is_asked_for",
        "runs/findings.py",
        "                withdrawn.c.content_id.is_(None),\n",
        "",
    ),
    "the door of collection": (
        "what_is_collected_is_asked_for",
        "lake/rooting.py",
        "                raise collected(row.table_key, row.doomed)\n            revived",
        "                pass\n            revived",
    ),
    "the withdrawn check of a publish": (
        "what_was_withdrawn_is_asked_for",
        "lake/publish.py",
        "    admit(conn, plan.project, plan.changes)\n",
        "",
    ),
}


@pytest.mark.parametrize("race", guarded.RACES)
def test_the_guards_decide_the_races(race: str, tmp_path: Path) -> None:
    assert guarded.lost(race, tmp_path) == ""


@pytest.mark.parametrize("guard", GUARDS)
def test_a_race_is_lost_without_its_guard(guard: str, tmp_path: Path) -> None:
    race, path, text, instead = GUARDS[guard]
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    file = tmp_path / "src" / "galley" / path
    before = file.read_text()
    assert before.count(text) == 1, f"{guard} is not where it was; name its new place"
    file.write_text(before.replace(text, instead))
    done = subprocess.run(
        [sys.executable, "-m", "tests.integration.engine.guarded", race],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path / "src"), str(ROOT)])},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("AssertionError"), done.stderr
