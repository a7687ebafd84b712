"""What is run in the simulation: random projects whose every table is known in advance.

What a table holds follows from its step's code and from what the step reads, so that a run
published whole can be told from one that lost, mixed or doubled anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from random import Random

from galley.ids import digest
from galley.project.codec import manifest_to_json
from galley.project.model import (
    Manifest,
    Materialize,
    Pipeline,
    Placement,
    Retry,
    Source,
    Stage,
    Step,
    StepKind,
    TestSpec,
)

PROJECT = "shop"
PIPELINES = ("p", "q")
POOL = "db"
LABEL = "gpu"


def first_version(chance: Random, *, labels: bool) -> Manifest:
    """A project of two pipelines; the second reads tables of the first, too."""
    steps: dict[str, Step] = {}
    for number in range(chance.randint(3, 9)):
        name = f"s{number}"
        known = list(steps)
        read = chance.sample(known, min(len(known), chance.randint(0, 2)))
        beneath = {steps[one].pipeline for one in read}
        pipeline = "q" if "q" in beneath else chance.choice(PIPELINES)
        steps[name] = Step(
            name=name,
            pipeline=pipeline if number else "p",
            kind=StepKind.PYTHON,
            source=Source(f"{name}.py"),
            outputs=(name,),
            inputs=tuple(read),
            materialize=Materialize.TABLE,
            code_hash=digest(name, "0"),
            retry=Retry(chance.randint(1, 3), wait=0.3),
            placement=_placement(chance, labels=labels),
            stable=chance.random() < 0.5,
            tests=tuple(_test(name, n, chance) for n in range(chance.randint(0, 2))),
        )
    return _hashed(steps)


def next_version(manifest: Manifest, chance: Random) -> Manifest:
    """The project after somebody changed one step."""
    name = chance.choice(list(manifest.steps))
    changed = replace(manifest.steps[name], code_hash=digest(name, str(chance.randrange(2))))
    return _hashed({**manifest.steps, name: changed})


def made(step: Step, read: Mapping[str, str]) -> str:
    """What a step's table holds if it read tables that hold this."""
    return digest(step.name, step.code_hash, *(f"{name}={read[name]}" for name in sorted(read)))


def fails(test_hash: str, held: Mapping[str, str]) -> bool:
    """Whether a test fails: a few do, and always on the same rows."""
    seen = digest(test_hash, *(f"{name}={held[name]}" for name in sorted(held)))
    return int(seen[:4], 16) % 100 < 2


def _placement(chance: Random, *, labels: bool) -> Placement:
    return Placement(
        pool=POOL if chance.random() < 0.2 else None,
        concurrency=1 if chance.random() < 0.1 else None,
        labels=(LABEL,) if labels and chance.random() < 0.1 else (),
        priority=chance.randrange(2),
    )


def _test(table: str, number: int, chance: Random) -> TestSpec:
    name = f"{table}_{number}"
    stage = Stage.INPUT if chance.random() < 0.2 else Stage.OUTPUT
    return TestSpec(name, "row_count", table, stage, {"min": 1}, hash=digest(name))


def _across(steps: Mapping[str, Step]) -> tuple[TestSpec, ...]:
    """A test of the last table of one pipeline and the first of the other."""
    first, last = next(iter(steps.values())), list(steps.values())[-1]
    if first.pipeline == last.pipeline:
        return ()
    name = "across"
    spec = TestSpec(name, "sql", last.name, Stage.BUSINESS, {}, reads=(first.name,))
    return (replace(spec, hash=digest(name, last.name, first.name)),)


def _hashed(steps: dict[str, Step]) -> Manifest:
    own = {name: tuple(s.name for s in steps.values() if s.pipeline == name) for name in PIPELINES}
    found = Manifest(
        project=PROJECT,
        hash="",
        steps=steps,
        pipelines={name: Pipeline(name, names) for name, names in own.items() if names},
        spanning=_across(steps),
        variables={},
        environments={},
        connections={},
        secrets={},
        reads=(),
        files={},
        toolchain="t",
        pools={POOL: 1},
    )
    return replace(found, hash=digest(manifest_to_json(found)))
