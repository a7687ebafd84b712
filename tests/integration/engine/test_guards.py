"""The guards hold, and without any one of them a race of ``guarded`` is lost."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.engine import guarded
from tests.simulation import guards
from tests.simulation.guards import ROOT

GUARDS = {
    "the epoch check": ("a_zombie_finishes", guards.EPOCH),
    "the attempt's own record": ("a_lost_claim_is_answered", guards.ON_RECORD),
    "the compare-and-set of a publish": ("two_publish_at_once", guards.UNCHANGED),
    "the withdrawn check of reuse": ("what_was_withdrawn_is_asked_for", guards.REUSED),
    "the door of collection": ("what_is_collected_is_asked_for", guards.DOOR),
    "the withdrawn check of a publish": ("what_was_withdrawn_is_asked_for", guards.ADMITTED),
}


@pytest.mark.parametrize("race", guarded.RACES)
def test_the_guards_decide_the_races(race: str, tmp_path: Path) -> None:
    assert guarded.lost(race, tmp_path) == ""


@pytest.mark.parametrize("guard", GUARDS)
def test_a_race_is_lost_without_its_guard(guard: str, tmp_path: Path) -> None:
    race, edit = GUARDS[guard]
    copy = guards.copied([edit], tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "tests.integration.engine.guarded", race],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(copy), str(ROOT)])},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("AssertionError"), done.stderr
