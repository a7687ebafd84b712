"""What people and bad luck do to a run that is under way."""

import time

import pytest

from galley.runs.model import Intention, Reason, Run, RunState, StepState
from tests.integration.engine.kit import Works, once

pytestmark = pytest.mark.both_databases

STEP = """
@step(stable=True, {options})
def one(*, context):
    import os, sys, time, signal
    marks = context.project_folder / "marks"
    marks.mkdir(exist_ok=True)
    tries = len(list(marks.iterdir()))
    (marks / str(tries)).touch()
    {body}
    return [{{"id": 1}}]
"""


def one(works: Works, body: str, options: str = "") -> None:
    """The step ``one``; ``tries`` counts its attempts from 0. ``after`` reads it."""
    works.python("one", STEP.format(body=body, options=options))
    works.sql("after", "SELECT id FROM one")


def tries(works: Works) -> int:
    return len(list((works.folder / "marks").iterdir()))


def told(works: Works, run: Run, file: str = "one.py") -> str:
    """The hint that the step which failed gives; it also says where that is."""
    detail = works.steps(run)["one"].detail
    assert detail["where"].startswith(f"pipelines/p/{file}:")
    assert f"galley logs {run.id} one" in detail["hint"]
    return str(detail["hint"])


def running(works: Works) -> bool:
    return (works.folder / "marks").exists()


@pytest.mark.parametrize(
    ("error", "wanted", "attempts"),
    [
        ("ConnectionResetError('x')", "ConnectionError", 3),
        ("ValueError('x')", "ConnectionError", 1),
        ("ValueError('x')", "ValueError", 3),
    ],
    ids=["a base class", "another class", "the class"],
)
def test_retries_by_exception_type(works: Works, error: str, wanted: str, attempts: int) -> None:
    options = f"retries={{'attempts': 3, 'wait': 0.05, 'on': ['{wanted}']}}"
    one(works, f"raise {error}", options)
    begin = time.monotonic()
    run = works.run()
    assert (run.state, run.reason) == (RunState.FAILED, Reason.USER_ERROR)
    assert tries(works) == attempts
    assert attempts == 1 or time.monotonic() - begin > 0.05 + 0.1
    assert works.states(run) == {"one": "failed", "after": "upstream_failed"}


def test_a_retry_that_helps(works: Works) -> None:
    one(works, "assert tries == 2", "retries={'attempts': 3, 'wait': 0.05}")
    run = works.run()
    assert run.state is RunState.SUCCEEDED
    ends = [attempt["end"] for attempt in works.attempts(run)]
    assert ends == ["user_error", "user_error", "staged", "staged"]
    step = works.steps(run)["one"]
    assert (step.reason, step.message, step.detail) == (None, None, {})


def test_lost_workers_do_not_use_up_the_retries(works: Works) -> None:
    body = "os._exit(3) if tries < 2 else None; assert tries >= 3"
    one(works, body, "retries={'attempts': 2, 'wait': 0.05}")
    run = works.run()
    assert run.state is RunState.SUCCEEDED, run.message
    ends = [attempt["end"] for attempt in works.attempts(run)]
    assert ends == ["lost_worker", "lost_worker", "user_error", "staged", "staged"]


def test_a_step_over_its_time_is_killed(works: Works) -> None:
    one(works, "time.sleep(60)", "timeout=0.3")
    run = works.run()
    assert (run.state, run.reason) == (RunState.FAILED, Reason.TIMEOUT)
    assert "0.3 s" in (run.message or "")
    assert "`timeout=`" in told(works, run)


def test_a_step_over_its_memory_is_killed(works: Works) -> None:
    one(works, "x = bytearray(900 << 20); time.sleep(60)", "memory='500MB'")
    run = works.run()
    assert (run.state, run.reason) == (RunState.FAILED, Reason.OUT_OF_MEMORY)
    assert "500 MB" in (run.message or "") or "524 MB" in (run.message or "")
    assert "`memory=`" in told(works, run)


def test_a_query_over_its_time_is_told_where_and_what_to_do(works: Works) -> None:
    works.sql("one", "SELECT count(*) AS n FROM range(100000000) a, range(100000) b", timeout=0.3)
    run = works.run()
    assert (run.state, run.reason) == (RunState.FAILED, Reason.TIMEOUT)
    assert "`timeout:`" in told(works, run, "one.sql")


def test_a_step_that_kills_its_worker_three_times_is_poisoned(works: Works) -> None:
    one(works, "os._exit(7)")
    run = works.run()
    assert (run.state, run.reason) == (RunState.FAILED, Reason.LOST_WORKER)
    assert tries(works) == 3
    assert "3 times" in (run.message or "")
    assert told(works, run).startswith("see what it printed")


@pytest.mark.parametrize(
    "body",
    [
        "os.fork() or time.sleep(60)",
        "os.fork() or (os.setsid(), time.sleep(60))",
        "print('x' * (3 << 20)); sys.stderr.write('y' * (1 << 20))",
        "signal.alarm(1000)",
    ],
    ids=["a child", "a session of its own", "megabytes", "a timer"],
)
def test_what_code_leaves_behind_harms_nobody(works: Works, body: str) -> None:
    one(works, body)
    run = works.run()
    assert run.state is RunState.SUCCEEDED, run.message
    assert works.rows("after") == [(1,)]


def test_cancelling_ends_a_step_at_work_and_leaves_the_target(works: Works) -> None:
    one(works, "time.sleep(60)")
    run = works.launch()
    begin = time.monotonic()
    (ended,) = works.drive(
        run, tick=once(lambda: running(works), lambda: works.ask(run, Intention.CANCEL))
    )
    assert (ended.state, ended.reason) == (RunState.CANCELLED, Reason.CANCELLED)
    assert time.monotonic() - begin < 10
    assert works.states(run) == {"one": "cancelled", "after": "cancelled"}
    assert works.tables() == {}


@pytest.mark.slow
def test_a_step_that_ignores_the_wish_is_killed_within_the_deadline(works: Works) -> None:
    one(works, "signal.signal(15, signal.SIG_IGN); time.sleep(60)")
    begin = time.monotonic()
    ended = works.follow(works.launch(), interrupted=lambda: running(works))
    assert ended.state is RunState.CANCELLED
    assert time.monotonic() - begin < 9


def test_a_run_that_has_not_started_is_cancelled_at_once(works: Works) -> None:
    one(works, "pass")
    run = works.launch()
    works.ask(run, Intention.CANCEL)
    (ended,) = works.drive(run)
    assert ended.state is RunState.CANCELLED
    assert not running(works)


def test_a_paused_run_goes_on_where_it_stood(works: Works) -> None:
    one(works, "time.sleep(0.3)")
    run = works.launch()
    paused = once(lambda: running(works), lambda: works.ask(run, Intention.PAUSE))

    def stopped() -> bool:
        return works.steps(run)["one"].state is StepState.SUCCEEDED

    def resumed() -> None:
        assert works.get(run).state is RunState.PAUSED
        assert works.steps(run)["after"].state is StepState.READY
        works.ask(run, Intention.GO)

    going = once(lambda: running(works) and stopped(), resumed)
    (ended,) = works.drive(run, tick=lambda: (paused(), going())[0])
    assert ended.state is RunState.SUCCEEDED


def test_a_run_paused_during_its_last_step_goes_on(works: Works) -> None:
    works.python("one", STEP.format(body="time.sleep(0.3)", options=""))
    run = works.launch()
    paused = once(lambda: running(works), lambda: works.ask(run, Intention.PAUSE))
    done = once(
        lambda: running(works) and works.states(run) == {"one": "succeeded"},
        lambda: works.ask(run, Intention.GO),
    )
    (ended,) = works.drive(run, tick=lambda: (paused(), done())[0])
    assert ended.state is RunState.SUCCEEDED
