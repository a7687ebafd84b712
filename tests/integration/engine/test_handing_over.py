"""What goes wrong between a claim and a worker ends an attempt, never the engine."""

from collections.abc import Callable

import pytest

from galley import faults
from galley.errors import UsageError
from galley.runs.attempts import MOST_LOSSES
from galley.runs.model import Reason, RunState
from tests.integration.engine.kit import Works, at

POINTS = ["attempt.before_submit", "tests.before_submit"]
TESTED = [{"row_count": {"min": 1}}]


@pytest.fixture
def shop(works: Works) -> Works:
    """One tested table; pipeline ``q`` has another, without tests."""
    works.sql("tested", "SELECT 1 AS id", tests=TESTED, stable="true")
    works.sql("other", "SELECT 1 AS id", pipeline="q", stable="true")
    return works


def always(monkeypatch: pytest.MonkeyPatch, name: str, act: Callable[[], object]) -> list[str]:
    """Act whenever the engine comes to a point."""
    seen: list[str] = []

    def point(here: str) -> None:
        if here == name:
            seen.append(here)
            act()

    monkeypatch.setattr(faults, "point", point)
    return seen


def raising(error: Exception) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


@pytest.mark.parametrize("point", POINTS)
def test_trouble_of_the_machine_is_tried_again(
    shop: Works, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    seen = at(monkeypatch, point, raising(OSError("planted")))
    run = shop.run()
    assert seen
    assert run.state is RunState.SUCCEEDED, run.message
    ends = [(one["end"], one["error"]) for one in shop.attempts(run)]
    lost = ("lost_worker", "it could not be handed to a worker: planted")
    assert ends == ([lost] if point == "attempt.before_submit" else []) + [("staged", None)]


@pytest.mark.parametrize("point", POINTS)
def test_trouble_that_lasts_ends_its_run_alone(
    shop: Works, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    """What ``q`` makes is there already, so that only the other run is hit."""
    assert shop.run("q").state is RunState.SUCCEEDED
    seen = always(monkeypatch, point, raising(OSError("planted")))
    broken, sound = shop.drive(shop.launch(), shop.launch("q"))
    assert (broken.state, broken.reason) == (RunState.FAILED, Reason.LOST_WORKER)
    assert "planted" in str(broken.message)
    assert sound.state is RunState.SUCCEEDED
    assert len(seen) == MOST_LOSSES


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("error", [ZeroDivisionError("planted"), UsageError("planted")])
def test_a_defect_is_kept_with_its_step(
    shop: Works, monkeypatch: pytest.MonkeyPatch, point: str, error: Exception
) -> None:
    assert shop.run("q").state is RunState.SUCCEEDED
    seen = always(monkeypatch, point, raising(error))
    broken, sound = shop.drive(shop.launch(), shop.launch("q"))
    known = isinstance(error, UsageError)
    reason = Reason.USER_ERROR if known else Reason.INTERNAL
    assert (broken.state, broken.reason, len(seen)) == (RunState.FAILED, reason, 1)
    assert "planted" in str(broken.message)
    assert sound.state is RunState.SUCCEEDED


def test_a_step_with_retries_is_handed_over_again(
    works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    works.sql("one", "SELECT 1 AS id", retries="{attempts: 2, wait: 0.01s}")
    assert at(monkeypatch, "attempt.before_submit", raising(UsageError("planted"))) == []
    run = works.run()
    assert run.state is RunState.SUCCEEDED, run.message
    assert [one["end"] for one in works.attempts(run)] == ["user_error", "staged"]


def test_tests_that_a_dead_engine_left_do_not_stop_the_next(
    shop: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    run = shop.launch()
    at(monkeypatch, "tests.before_submit", stop)
    with pytest.raises(KeyboardInterrupt):
        shop.drive(run)
    assert shop.states(run) == {"tested": "staged"}
    always(monkeypatch, "tests.before_submit", raising(ZeroDivisionError("planted")))
    (ended,) = shop.drive(run)
    assert (ended.state, ended.reason) == (RunState.FAILED, Reason.INTERNAL)
