"""Every named point of the code is one at which processes are killed."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
KILLERS = ("bench/soak.py", "tests/integration/engine/test_kill_points.py")


def points_in_the_code() -> set[str]:
    found: set[str] = set()
    for path in (ROOT / "src").rglob("*.py"):
        found.update(re.findall(r'faults\.point\("([^"]+)"\)', path.read_text()))
    return found


@pytest.mark.parametrize("killer", KILLERS)
def test_every_point_is_killed_at(killer: str) -> None:
    tree = ast.parse((ROOT / killer).read_text())
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    named = {text.partition(":")[0] for text in texts if isinstance(text, str)}
    assert len(points_in_the_code()) > 20
    assert points_in_the_code() <= named
