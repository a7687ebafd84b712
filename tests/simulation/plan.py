"""What is run in the simulation: random projects whose every table is known in advance.

A table's content follows from its step's code and the contents that the step reads, so that a run
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
PIPELINE = "p"
POOL = "db"


def first_version(chance: Random) -> Manifest:
    """A project of some steps, each with some tests."""
    steps: dict[str, Step] = {}
    for number in range(chance.randint(2, 6)):
        name = f"s{number}"
        known = list(steps)
        read = chance.sample(known, min(len(known), chance.randint(0, 2)))
        steps[name] = Step(
            name=name,
            pipeline=PIPELINE,
            kind=StepKind.PYTHON,
            source=Source(f"{name}.py"),
            outputs=(name,),
            inputs=tuple(read),
            materialize=Materialize.TABLE,
            code_hash=digest(name, "0"),
            retry=Retry(chance.randint(1, 3), wait=0.5),
            placement=Placement(pool=POOL if chance.random() < 0.3 else None),
            tests=tuple(_test(name, n) for n in range(chance.randint(0, 2))),
        )
    return _hashed(steps)


def next_version(manifest: Manifest, chance: Random) -> Manifest:
    """The project after somebody changed one step."""
    name = chance.choice(list(manifest.steps))
    changed = replace(manifest.steps[name], code_hash=digest(name, str(chance.random())))
    return _hashed({**manifest.steps, name: changed})


def content(step: Step, read: Mapping[str, str]) -> str:
    """What a step's table holds if it read these contents."""
    return digest(step.name, step.code_hash, *(f"{name}={read[name]}" for name in sorted(read)))


def truth(manifest: Manifest) -> dict[str, str]:
    """What all tables hold after a run of this version."""
    found: dict[str, str] = {}
    for name, step in manifest.steps.items():
        found[name] = content(step, {table: found[table] for table in step.inputs})
    return found


def fails(test_hash: str, contents: Mapping[str, str]) -> bool:
    """Whether a test fails: a few do, and always on the same contents."""
    seen = digest(test_hash, *(f"{name}={contents[name]}" for name in sorted(contents)))
    return int(seen[:4], 16) % 100 < 3


def _test(table: str, number: int) -> TestSpec:
    name = f"{table}_{number}"
    return TestSpec(name, "row_count", table, Stage.OUTPUT, {"min": 1}, hash=digest(name))


def _hashed(steps: dict[str, Step]) -> Manifest:
    found = Manifest(
        project=PROJECT,
        hash="",
        steps=steps,
        pipelines={PIPELINE: Pipeline(PIPELINE, tuple(steps))},
        spanning=(),
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
