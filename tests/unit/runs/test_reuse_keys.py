"""Reuse keys: what changes them, and what does not."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from galley.lake.model import Span, WindowEntry
from galley.project.model import (
    Connection,
    Materialize,
    Retry,
    Source,
    Step,
    StepKind,
    WindowSpec,
    WindowUnit,
)
from galley.runs import keys
from galley.runs.coverage import Coverage
from galley.runs.finishing import collide
from galley.runs.model import Intention, Run, RunCause, RunRequest, RunState
from tests.lake_cast import day, version

STEP = Step(
    "daily",
    "p",
    StepKind.SQL,
    Source("daily.sql"),
    ("daily",),
    ("raw",),
    Materialize.WINDOW,
    "code",
    window=WindowSpec("day", WindowUnit.DAY, "2026-01-01"),
    variables=("limit",),
)
CONTENTS = st.dictionaries(st.sampled_from("abc"), st.sampled_from(["x", "y", "absent"]))
TEXT = st.text("ab=,[]", max_size=4)


def test_only_what_can_change_the_rows_is_in_a_steps_identity() -> None:
    same = keys.step_identity(STEP, {"limit": 1}, "tools")
    unchanged = [
        keys.step_identity(STEP, {"limit": 1, "other": 2}, "tools"),
        keys.step_identity(replace(STEP, description="x", owner="ana"), {"limit": 1}, "tools"),
        keys.step_identity(replace(STEP, retry=Retry(3)), {"limit": 1}, "tools"),
    ]
    assert set(unchanged) == {same}
    changed = [
        keys.step_identity(STEP, {"limit": 2}, "tools"),
        keys.step_identity(STEP, {"limit": "1"}, "tools"),
        keys.step_identity(STEP, {"limit": 1}, "newer tools"),
        keys.step_identity(replace(STEP, code_hash="x"), {"limit": 1}, "tools"),
        keys.step_identity(replace(STEP, materialize=Materialize.APPEND), {"limit": 1}, "tools"),
        keys.step_identity(replace(STEP, key=("id",)), {"limit": 1}, "tools"),
        keys.step_identity(replace(STEP, window=None), {"limit": 1}, "tools"),
    ]
    assert len({same, *changed}) == len(changed) + 1


def test_the_start_of_the_windows_is_in_no_key() -> None:
    assert STEP.window is not None
    later = replace(STEP, window=replace(STEP.window, start="2026-06-01"))
    assert keys.step_identity(later, {}, "t") == keys.step_identity(STEP, {}, "t")


@given(CONTENTS, CONTENTS, TEXT, TEXT)
def test_a_key_is_the_same_exactly_for_the_same_inputs(
    one: dict[str, str], two: dict[str, str], first: str, second: str
) -> None:
    same = (one, first) == (two, second)
    shuffled = dict(reversed(one.items()))
    assert keys.table_key(first, one, None) == keys.table_key(first, shuffled, None)
    assert (keys.table_key(first, one, None) == keys.table_key(second, two, None)) is same


@given(st.lists(st.integers(1, 9), unique=True), st.integers(2, 8), st.integers(0, 2))
def test_a_window_reads_its_own_days_and_those_before(
    days: list[int], number: int, lookback: int
) -> None:
    ledger = {day(n): WindowEntry(day(n), "k", f"c{n}", ()) for n in days}
    earlier = [day(number - back) for back in range(1, lookback + 1) if number > back]
    read = keys.windows_read(ledger, Coverage(ledger), (day(number), *earlier))
    wanted = {number, *(number - back for back in range(1, lookback + 1) if number > back)}
    assert set(read) == {f"{day(n)}:c{n}" for n in wanted & set(days)}


def test_a_views_content_follows_what_it_reads() -> None:
    def content(raw: str, sql: str = "SELECT 1") -> str:
        view = version("view", "", view_sql=sql, inputs={"raw": "at the time"})
        over = version("over", "", view_sql="x", inputs={"view": "?"})
        versions = {"over": over, "view": view, "raw": version("raw", raw)}
        return keys.effective_contents(versions)["over"]

    assert content("a") == content("a")
    assert len({content("a"), content("b"), content("a", "SELECT 2")}) == 3


def test_what_can_never_be_reused_says_why() -> None:
    plain = replace(STEP, window=None, materialize=Materialize.TABLE)
    assert keys.unusable(plain, None) is None
    assert Connection("c", "postgres", "x").name == "c"
    for step in (
        replace(plain, volatile=("now()",)),
        replace(plain, secrets=("TOKEN",)),
        replace(plain, connections=("c",)),
        replace(plain, materialize=Materialize.NONE),
        replace(plain, inputs=()),
    ):
        assert keys.unusable(step, None)
    assert keys.unusable(replace(plain, inputs=(), stable=True), None) is None
    assert keys.unusable(replace(plain, inputs=()), "what it saw") is None


def run(id: str, *pipelines: str, windows: tuple[str, str] | None = None) -> Run:
    request = RunRequest(pipelines, "production", windows=windows)
    return Run(
        id,
        "shop",
        " ".join(pipelines),
        "production",
        RunState.QUEUED,
        Intention.GO,
        RunCause.MANUAL,
        "d",
        request,
        "ana",
    )


def test_runs_wait_only_for_those_that_write_the_same() -> None:
    march, april = ("2026-03-01", "2026-04-01"), ("2026-04-01", "2026-05-01")
    spring = ("2026-03-15", "2026-04-15")
    assert collide(run("a", "p"), run("b", "p", "q"))
    assert not collide(run("a", "p"), run("b", "q"))
    assert not collide(run("a", "p"), run("a", "p"))
    assert not collide(run("a", "p"), replace(run("b", "p"), ref="kitchen/ana"))
    assert not collide(run("a", "p", windows=march), run("b", "p", windows=april))
    assert collide(run("a", "p", windows=march), run("b", "p", windows=spring))
    assert collide(run("a", "p", windows=march), run("b", "p"))


def test_runs_of_the_same_key_window_wait() -> None:
    zurich, bern = ("zurich", "zurich"), ("bern", "bern")
    assert Span(*zurich).overlaps(Span(*zurich))
    assert collide(run("a", "p", windows=zurich), run("b", "p", windows=zurich))
    assert not collide(run("a", "p", windows=zurich), run("b", "p", windows=bern))
