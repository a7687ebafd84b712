"""Every named point of the code is one at which processes are killed."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
ENVIRONMENTS = "tests/integration/environments"
ENGINES = "tests/integration/engine/test_many_engines.py"
RUNS = (("bench/soak.py", ENGINES), ("tests/integration/engine/test_kill_points.py", ENGINES))
UPKEEP = tuple(
    f"{ENVIRONMENTS}/test_{name}.py"
    for name in ("collection_kills", "compaction", "backup", "retention", "deploy_kills")
)
OF_UPKEEP = ("collect.", "compact.", "backup.", "restore.", "retention.", "deploy.")
"""The beginnings of the points that no run comes to."""


def points_in_the_code() -> set[str]:
    found: set[str] = set()
    for path in (ROOT / "src").rglob("*.py"):
        found.update(re.findall(r'faults\.point\("([^"]+)"\)', path.read_text()))
    return found


def named_in(*killers: str) -> set[str]:
    trees = [ast.parse((ROOT / killer).read_text()) for killer in killers]
    texts = [
        node.value for one in trees for node in ast.walk(one) if isinstance(node, ast.Constant)
    ]
    return {text.partition(":")[0] for text in texts if isinstance(text, str)}


@pytest.mark.parametrize("killers", RUNS)
def test_every_point_of_runs_is_killed_at(killers: tuple[str, ...]) -> None:
    points = {point for point in points_in_the_code() if not point.startswith(OF_UPKEEP)}
    assert len(points) > 20
    assert points <= named_in(*killers)


def test_every_point_of_upkeep_is_killed_at() -> None:
    points = {point for point in points_in_the_code() if point.startswith(OF_UPKEEP)}
    assert len(points) > 10
    assert points <= named_in(*UPKEEP)
