"""kill -9 at every named point, with steps at work, and what the next command finds."""

import pytest

from galley.runs.model import RunState
from tests.integration.engine.driver import Command
from tests.integration.engine.kit import Works
from tests.integration.engine.plant import Plant

ENGINE = {
    "attempt.before_commit": 3,
    "attempt.before_submit": 4,
    "finish.before_commit": 4,
    "tests.before_submit": 2,
    "tests.before_conclude": 2,
    "publish.before": 1,
    "publish.before_move": 1,
    "publish.after_move": 1,
    "publish.before_commit": 1,
    "publish.after_commit": 1,
}
"""The points in the engine, and at which passage it dies."""

REPLAY = "replay.metadata"
"""The point in the engine that it comes to where another ref has made the windows."""

BELOW = {
    "worker.task_received": 2,
    "worker.before_final": 2,
    "worker.after_final": 2,
    "step.written": 2,
    "write.data": 1,
    "write.data.synced": 2,
    "write.metadata": 2,
    "write.metadata.synced": 1,
    "supervisor.started_worker": 3,
    "supervisor.before_forward": 3,
    "zygote.forked": 1,
}
"""The points in the processes below the engine, which goes on."""

pytestmark = pytest.mark.kill


@pytest.fixture
def plant(works: Works, request: pytest.FixtureRequest) -> Plant:
    """A random project whose first batch is published."""
    found = Plant(works, seed=len(request.node.name))
    assert works.run().state is RunState.SUCCEEDED
    found.grow()
    return found


@pytest.mark.parametrize(("point", "nth"), ENGINE.items())
def test_the_engine_dies(plant: Plant, point: str, nth: int) -> None:
    run = plant.works.launch()
    command = Command(plant.works, run, f"{point}:kill:{nth}")
    assert command.wait() == -9
    published = 2 if point == "publish.after_commit" else 1
    assert plant.shown() == published
    plant.works.recover()
    assert plant.works.get(run).state is RunState.SUCCEEDED
    assert plant.shown() == 2


def test_the_engine_dies_as_it_takes_windows_over(plant: Plant) -> None:
    plant.prove()
    run = plant.works.launch()
    command = Command(plant.works, run, f"{REPLAY}:kill")
    assert command.wait() == -9
    assert plant.shown() == 1
    plant.works.recover()
    assert plant.works.get(run).state is RunState.SUCCEEDED
    assert plant.shown() == 2


def test_the_engine_that_takes_over_dies_too(plant: Plant) -> None:
    run = plant.works.launch()
    for fault in ("attempt.before_submit:kill:2", "recovery.before_requeue:kill"):
        assert Command(plant.works, run, fault).wait() == -9
        assert plant.shown() == 1
    plant.works.recover()
    assert plant.works.get(run).state is RunState.SUCCEEDED
    assert plant.shown() == 2


@pytest.mark.parametrize(("point", "nth"), BELOW.items())
def test_a_process_below_dies(plant: Plant, point: str, nth: int) -> None:
    run = plant.works.launch()
    command = Command(plant.works, run, f"{point}:kill:{nth}")
    assert command.wait() == 0
    assert command.fired
    assert plant.works.get(run).state is RunState.SUCCEEDED
    assert plant.shown() == 2
