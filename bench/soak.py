"""kill -9 again and again: at every named point, during recovery, and at random moments.

    python -m bench.soak [--rounds N] [--random N] [--seed N] [--database URL] [--folder FOLDER]

A round delivers a batch of rows to a random project, starts a run in a process of its own, kills
something, looks whether the target is whole, lets the next command go on, and holds the home
against every invariant. Ends with a JSON record on stdout; exit status 1 if anything was violated.
"""

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from galley.runs.model import RunState
from galley.runs.pool import PoolSettings
from galley.settings import ENTRY, PRELOAD
from tests.integration.engine.driver import MARK, Command
from tests.integration.engine.invariants import violations
from tests.integration.engine.kit import SLOTS, WarmPool, Works, alive
from tests.integration.engine.plant import Plant

ENGINE = {
    "attempt.before_commit": 7,
    "attempt.before_submit": 7,
    "finish.before_commit": 7,
    "tests.before_submit": 4,
    "tests.before_conclude": 4,
    "publish.before": 1,
    "publish.before_move": 1,
    "publish.after_move": 1,
    "publish.before_commit": 1,
    "publish.after_commit": 1,
}
"""The points in the engine, and up to which passage each is tried."""

BELOW = {
    "worker.task_received": 4,
    "worker.before_final": 4,
    "worker.after_final": 4,
    "step.written": 3,
    "write.data": 3,
    "write.data.synced": 3,
    "write.metadata": 3,
    "write.metadata.synced": 3,
    "supervisor.started_worker": 9,
    "supervisor.before_forward": 9,
    "zygote.forked": 2,
}
"""The points in the processes below the engine."""

REPLAY = "replay.metadata"
POINTS = ENGINE | BELOW | {REPLAY: 1}
RECOVERY = "recovery.before_requeue"
MOMENT = "a random moment"
ROUNDS_A_PROJECT = 12
LONGEST_DELAY = 2.6


@dataclass
class Soak:
    """The rounds and what they found."""

    folder: Path
    pool: WarmPool
    chance: random.Random
    url: str | None = None
    rounds: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    found: list[dict[str, Any]] = field(default_factory=list)
    plant: Plant | None = None
    projects: int = 0

    def round(self, kind: str) -> bool:
        """One round; whether its fault happened."""
        plant = self._plant()
        fault = self._fault(kind)
        try:
            fired = self._kill(plant, kind, fault)
        except Exception:  # noqa: BLE001 - it is what the soak is for
            self._note(plant, kind, fault, traceback.format_exc())
            self.plant = None
            return True
        wrong = violations(plant.works.home)
        if wrong:
            self._note(plant, kind, fault, "\n".join(wrong))
            self.plant = None
        self.rounds[kind] += fired
        return fired

    def _plant(self) -> Plant:
        """The present project, or a new one after some rounds; one only on a server's database."""
        worn = self.plant is not None and self.plant.batch > ROUNDS_A_PROJECT
        if self.plant is None or (worn and self.url is None):
            self.projects += 1
            works = Works(self.folder / str(self.projects), self.pool, url=self.url)
            steps = self.chance.randint(4, 9)
            self.plant = Plant(works, self.chance.randrange(1 << 30), steps)
            run = works.run()
            assert run.state is RunState.SUCCEEDED, run
        return self.plant

    def _fault(self, kind: str) -> str:
        if kind == MOMENT:
            return ""
        point = self.chance.choice(list(ENGINE)) if kind == RECOVERY else kind
        return f"{point}:kill:{self.chance.randint(1, POINTS[point])}"

    def _kill(self, plant: Plant, kind: str, fault: str) -> bool:
        plant.grow()
        works = plant.works
        if kind == REPLAY:
            plant.prove()
        run = works.launch()
        command = Command(works, run, fault)
        if kind == MOMENT:
            self._strike(command)
        command.wait()
        fired = command.fired or kind == MOMENT
        assert plant.shown() in (plant.batch - 1, plant.batch)
        if kind == RECOVERY and not works.get(run).state.terminal:
            second = Command(works, run, f"{RECOVERY}:kill")
            assert second.wait() == -signal.SIGKILL
            fired = second.fired
            assert plant.shown() in (plant.batch - 1, plant.batch)
        works.recover()
        ended = works.get(run)
        self.ends[ended.state.value] += 1
        assert ended.state is RunState.SUCCEEDED, ended
        assert plant.shown() == plant.batch
        return fired

    def _strike(self, command: Command) -> None:
        """Kill the command or something below it after a while."""
        time.sleep(self.chance.uniform(0.1, LONGEST_DELAY))
        below = alive(f"{MARK}={command.mark}")
        if below and self.chance.random() < 0.5:
            os.kill(self.chance.choice(below), signal.SIGKILL)
        elif command.process.is_alive():
            command.kill()

    def _note(self, plant: Plant, kind: str, fault: str, text: str) -> None:
        sys.stderr.write(f"{kind} {fault}: {text}\n")
        self.found.append(
            {"kind": kind, "fault": fault, "project": str(plant.works.root), "what": text}
        )


def main() -> int:
    """Run the rounds and print the record."""
    parser = argparse.ArgumentParser(description="kill -9, many times")
    parser.add_argument("--rounds", type=int, default=10, help="for each point")
    parser.add_argument("--random", type=int, default=40, help="kills at random moments")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", help="the URL of an empty PostgreSQL database")
    parser.add_argument("--folder", type=Path, help="kept afterwards")
    options = parser.parse_args()
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="galley-soak-") as scratch:
        folder = options.folder or Path(scratch)
        settings = PoolSettings(SLOTS, folder / "logs", ENTRY, PRELOAD)
        soak = Soak(folder, WarmPool(settings), random.Random(options.seed), options.database)
        soak.pool.start()
        _rounds(soak, options.rounds, options.random)
        soak.pool.end()
    record = {
        "rounds": dict(sorted(soak.rounds.items())),
        "total": soak.rounds.total(),
        "projects": soak.projects,
        "ends": dict(soak.ends),
        "seconds": round(time.monotonic() - begin),
        "seed": options.seed,
        "violations": soak.found,
    }
    print(json.dumps(record, indent=1))
    return 1 if soak.found else 0


def _rounds(soak: Soak, rounds: int, moments: int) -> None:
    wanted = [kind for kind in (*POINTS, RECOVERY) for _ in range(rounds)] + [MOMENT] * moments
    soak.chance.shuffle(wanted)
    for number, kind in enumerate(wanted, 1):
        tries = 1
        while not soak.round(kind) and tries < 20:
            tries += 1
        sys.stderr.write(f"\r{number} of {len(wanted)}, {len(soak.found)} violations ")


if __name__ == "__main__":
    raise SystemExit(main())
