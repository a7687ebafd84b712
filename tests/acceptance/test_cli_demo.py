"""The guided tour shows what it promises."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCENES = (
    ("A year of flights", "published to kitchen/ana"),
    ("To production", "published to production"),
    ("A bad day arrives", "nothing was published; production is untouched"),
    ("The fix", "published to production"),
    ("Taking it back", "rollback"),
)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_tour_runs_to_its_end(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "galley", "demo", str(tmp_path / "tour"), "--yes"],
        env=os.environ | {"GALLEY_USER": "ana"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=380,
        check=True,
    )
    parts = done.stdout.split("\n── ")[1:]
    assert len(parts) == len(SCENES)
    for part, (title, promised) in zip(parts, SCENES, strict=True):
        assert title in part.splitlines()[0]
        assert promised in part
    assert "Traceback" not in done.stdout


def test_the_tour_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    command = [sys.executable, "-m", "galley", "demo", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "not empty" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
