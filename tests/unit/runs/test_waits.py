"""Why something waits: what is full, who is missing, until when."""

from dataclasses import replace

import pytest

from galley.runs.groups import Group
from galley.runs.model import Intention, Run, RunCause, RunRequest, RunState, StepState
from galley.runs.waits import Cause, Limit, Present, Scenery, Standing, why, why_run

POOL = "shop/pool/db"
STEP = "shop/step/orders"
HERE = Present("s1", "engine", "one", 2, None)
FAR = Present("s2", "worker", "two", 4, ("big",))
RUN = Run(
    "r1",
    "shop",
    "p",
    "production",
    RunState.QUEUED,
    Intention.GO,
    RunCause.MANUAL,
    "d",
    RunRequest(("p",), "production"),
    "ana",
)


def ready(labels: tuple[str, ...] = (), limits: tuple[str, ...] = ()) -> Standing:
    return Standing("r1", StepState.READY, Group(labels, limits).text)


def around(*present: Present, **at_work: int) -> Scenery:
    return Scenery({POOL: Limit(POOL, 2, at_work), STEP: Limit(STEP, 1, {})}, present)


def test_a_pool_that_is_full_names_those_who_hold_it() -> None:
    (wait,) = why(ready(limits=(POOL, STEP)), around(HERE, r7=1, r9=1))
    assert (wait.cause, wait.said, wait.runs) == (
        Cause.LIMIT,
        "pool db is full: 2 of 2, by runs r7, r9",
        ("r7", "r9"),
    )


def test_a_label_that_nobody_bears_is_named_beside_those_there_are() -> None:
    (wait,) = why(ready(("gpu",)), around(FAR, r7=1))
    assert wait.said == "no worker has the label gpu; there are two (big)"


@pytest.mark.parametrize(
    ("present", "said"),
    [
        ((), "no worker is there: galley worker, or galley run"),
        ((replace(HERE, capacity=0),), "no worker is there: galley worker, or galley run"),
        ((HERE,), "waits for a worker that is free"),
    ],
)
def test_a_worker_is_missing_or_busy(present: tuple[Present, ...], said: str) -> None:
    (wait,) = why(ready(limits=(POOL,)), around(*present))
    assert (wait.cause, wait.said) == (Cause.WORKER, said)


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (Standing("r", StepState.RETRY_WAIT, "", 0), "is tried again at 1970-01-01T00:00:00Z"),
        (Standing("r", StepState.WAITING, "", unmet=2), "waits for 2 earlier steps"),
        (Standing("r", StepState.PARKED, ""), "waits for an approval or an event"),
    ],
)
def test_other_states_say_what_they_wait_for(step: Standing, said: str) -> None:
    assert [wait.said for wait in why(step, around())] == [said]


def test_who_is_at_work_waits_for_nothing() -> None:
    assert why(Standing("r", StepState.RUNNING, ""), around()) == ()


def test_runs_wait_for_others_for_their_own_and_for_an_engine() -> None:
    backfill = replace(RUN, state=RunState.RUNNING, request=replace(RUN.request, batch=1))
    assert [wait.said for wait in why_run(RUN, ["r7"], None, [HERE])] == ["waits for run r7 to end"]
    assert [wait.said for wait in why_run(backfill, [], (3, 9), [HERE])] == [
        "waits for its runs: 3 of 9 have ended"
    ]
    (alone,) = why_run(RUN, [], None, [FAR])
    assert alone.said.startswith("no engine is at work")
    assert why_run(replace(RUN, state=RunState.RUNNING), [], None, []) == ()
