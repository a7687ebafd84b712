"""Measure Galley beside Dagster and Prefect on the same trivial graph, in one run.

    python -m bench.peers [--steps N] [--folder FOLDER]

Makes an environment with the pinned versions of both (from ``requirements.txt``) in ``FOLDER`` if
it is not there. Dagster starts a process for each step as Galley does (and is also measured without
any); Prefect runs tasks in threads of one process, against a server of its own. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from bench import projects
from bench.history import pace
from bench.timing import BenchError, galley

HERE = Path(__file__).parent
SHAPES = ("chain", "fan-out")
LONGEST = 900.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Galley beside Dagster and Prefect")
    parser.add_argument("--steps", type=int, default=100)
    default = Path.home() / ".cache" / "galley-bench" / "peers"
    parser.add_argument("--folder", type=Path, default=default)
    options = parser.parse_args()
    python = _environment(options.folder)
    found: dict[str, dict[str, float]] = {}
    for shape in SHAPES:
        found[shape] = {
            "galley, a process for each step": _galley(shape, options.steps, tables=False),
            "galley, a table committed by each": _galley(shape, options.steps, tables=True),
            "dagster, a process for each step": _peer(
                python, "dagster", shape, max(options.steps // 10, 5), "processes"
            ),
            "dagster, in one process": _peer(python, "dagster", shape, options.steps, "one"),
            "prefect, in one process": _peer(python, "prefect", shape, options.steps, "one"),
        }
    print(json.dumps({"steps": options.steps, "ms a step": found, "versions": _versions()}))


def _environment(folder: Path) -> str:
    """An interpreter that has the others; made once."""
    python = folder / "bin" / "python"
    if not python.exists():
        uv = Path(sys.executable).with_name("uv")
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)
        requirements = str(HERE / "requirements.txt")
        subprocess.run(
            [uv, "pip", "install", "--quiet", "--python", python, "-r", requirements], check=True
        )
    return str(python)


def _galley(shape: str, steps: int, *, tables: bool) -> float:
    """Milliseconds a step. Steps that make no table have no order: a chain is on one slot."""
    chain = shape == "chain"
    with tempfile.TemporaryDirectory(prefix="galley-peers-") as name:
        folder = Path(name) / "project"
        if tables:
            project = projects.small_tables(folder, steps, chain=chain)
        else:
            project = projects.trivial(folder, steps)
        galley(project, "run", extra={"GALLEY_SLOTS": "1"} if chain and not tables else {})
        return 1000 * pace(project)


def _peer(python: str, name: str, shape: str, steps: int, executor: str) -> float:
    """Milliseconds a step; the start of the interpreter is not counted."""
    with tempfile.TemporaryDirectory(prefix="galley-peers-") as home:
        environment = {
            **os.environ,
            "PREFECT_HOME": home,
            "PREFECT_LOGGING_LEVEL": "ERROR",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DAGSTER_DISABLE_TELEMETRY": "yes",
            "DAGSTER_HOME": home,
        }
        done = subprocess.run(
            [python, str(HERE / f"{name}_graph.py"), shape, str(steps), executor],
            env=environment,
            capture_output=True,
            text=True,
            timeout=LONGEST,
            check=False,
        )
    if done.returncode:
        raise BenchError(f"{name} failed: {done.stderr[-2000:]}")
    seconds: float = json.loads(done.stdout.strip().splitlines()[-1])["seconds"]
    return 1000 * seconds / steps


def _versions() -> dict[str, str]:
    pinned = (HERE / "requirements.txt").read_text("utf-8").split()
    others = dict(line.split("==") for line in pinned)
    return {"galley-dataops": version("galley-dataops"), **others}


if __name__ == "__main__":
    main()
