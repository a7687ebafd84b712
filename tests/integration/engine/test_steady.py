"""Runs in which nothing, or only the outside, has changed; what is kept and what is said."""

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from galley import bootstrap
from galley.lake import trees
from galley.lake.model import PRODUCTION
from galley.runs.model import RunState
from tests.integration.engine.kit import EVERYWHERE, KITCHEN, SLOTS, Works

pytestmark = pytest.mark.both_databases

CANARY = "c4n4ry-5up3r-s3cr3t"
ROWS = "id,day\n1,2024-03-01\n2,2024-03-02\n"
WINDOW = "{column: day, by: day, start: 2024-03-01, end: 2024-03-03}"


@pytest.fixture
def all_kinds(works: Works) -> Works:
    """One step of every materialization."""
    works.load("raw", ROWS)
    works.sql("viewed", "SELECT id, day FROM raw WHERE id > 0", materialize="view")
    works.sql("over_view", "SELECT count(*) AS n FROM viewed")
    works.sql("merged", "SELECT id, day FROM raw", materialize="merge", key="[id]")
    works.sql("appended", "SELECT id, day FROM raw", materialize="append", cursor="id")
    works.sql(
        "cut",
        "SELECT id, day FROM raw WHERE day >= $start AND day < $end",
        materialize="append",
        window=WINDOW,
    )
    works.python(
        "report",
        """
        @step(materialize="file", filename="report.txt")
        def report(merged):
            from galley import File
            return File(content=str(len(merged.to_arrow())))
        """,
    )
    return works


@EVERYWHERE
def test_a_run_without_changes_makes_nothing(all_kinds: Works) -> None:
    first = all_kinds.run()
    assert first.state is RunState.SUCCEEDED, first.message
    before = all_kinds.tables()
    again = all_kinds.run()
    assert set(all_kinds.states(again).values()) == {"reused"}
    assert again.commit == all_kinds.head()
    assert {n: v.content_id for n, v in all_kinds.tables().items()} == {
        n: v.content_id for n, v in before.items()
    }
    assert len(all_kinds.rows("merged")) == len(all_kinds.rows("appended")) == 2
    assert len(all_kinds.rows("cut")) == 2


@pytest.mark.parametrize("ref", [KITCHEN, PRODUCTION])
def test_look_ups_stay_short_however_often_is_published(
    works: Works, monkeypatch: pytest.MonkeyPatch, ref: str
) -> None:
    monkeypatch.setattr(trees, "MAX_DEPTH", 3)
    works.load("raw", ROWS)
    works.promote(source=None)
    for number in range(3, 10):
        works.load("raw", f"{ROWS}{number},2024-03-02\n")
        assert works.run(ref=ref).state is RunState.SUCCEEDED
        with works.home.database.read() as conn:
            assert len(trees.chain(conn, works.head(ref))) <= 3
    assert works.rows("raw", ref)[-1][0] == 9


@EVERYWHERE
def test_a_file_is_an_output_like_any_other(all_kinds: Works) -> None:
    all_kinds.run()
    version = all_kinds.tables()["report"]
    store = all_kinds.home.store
    assert store.files.read(store.absolute(version.location)) == b"2"


@EVERYWHERE
def test_what_reads_a_view_is_made_again_when_the_views_inputs_change(all_kinds: Works) -> None:
    all_kinds.run()
    all_kinds.load("raw", ROWS + "3,2024-03-02\n")
    run = all_kinds.run()
    assert run.state is RunState.SUCCEEDED, run.message
    assert all_kinds.rows("over_view") == [(3,)]
    assert len(all_kinds.rows("merged")) == 3


def test_a_resume_does_not_append_twice(works: Works) -> None:
    works.python(
        "log",
        """
        @step(materialize="append", cursor="id")
        def log(*, context):
            return [{"id": 1}]
        """,
    )
    works.sql("broken", "SELECT CAST('x' AS INTEGER) AS id FROM log")
    failed = works.run()
    assert works.states(failed) == {"log": "succeeded", "broken": "failed"}
    works.sql("broken", "SELECT id FROM log")
    assert works.resume(failed).state is RunState.SUCCEEDED
    assert works.rows("log") == [(1,)]


def test_a_file_that_vanishes_while_it_is_loaded_fails_its_step_alone(works: Works) -> None:
    works.load("raw", ROWS)
    works.python(
        "other",
        """
        @step(stable=True)
        def other(*, context):
            (context.project_folder / "data" / "raw.csv").unlink(missing_ok=True)
            return [{"id": 1}]
        """,
        pipeline="q",
    )
    run = works.launch()
    gone = works.launch("q")
    ended = works.drive(run, gone)
    assert ended[1].state is RunState.SUCCEEDED
    assert ended[0].state in (RunState.SUCCEEDED, RunState.FAILED)


def test_no_secret_is_written_down(works: Works, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARY", CANARY)
    works.pool = bootstrap.make_pool(works.root / "home", SLOTS)
    works.write("galley.yaml", "name: works\nsecrets: {CANARY: env:CANARY}\n")
    works.python(
        "leaky",
        """
        @step(secrets=["CANARY"])
        def leaky(*, secrets):
            import sys
            print("token", secrets["CANARY"])
            sys.stderr.write(secrets["CANARY"] * 2)
            raise ValueError(f"could not log in with {secrets['CANARY']}")
        """,
    )
    run = works.run()
    assert run.state is RunState.FAILED
    assert "could not log in with" in str(works.steps(run)["leaky"].message)
    works.home.database.close()
    files = [path for path in works.root.rglob("*") if path.is_file()]
    assert any("could not log in" in path.read_text(errors="replace") for path in files)
    assert [path for path in files if CANARY.encode() in path.read_bytes()] == []


@contextmanager
def full_disk(limit: int) -> Iterator[None]:
    """No file of this process, or one that it starts, may grow beyond ``limit`` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_leaves_the_target_untouched(works: Works) -> None:
    works.sql("wide", "SELECT 1 AS id, 0.5 AS chance")
    works.run()
    head = works.head()
    works.sql("wide", "SELECT range AS id, random() AS chance FROM range(2000000)", stable="true")
    run = works.launch()
    works.pool = bootstrap.make_pool(works.root / "home", SLOTS)
    with full_disk(4 << 20):
        works.pool.start()
    ended = works.follow(run)
    assert ended.state is RunState.FAILED
    assert "a file would be larger than is allowed; nothing was pub" in (ended.message or "")
    assert works.head() == head
    assert len(works.rows("wide")) == 1


LEAVES = """
    import os
    @step
    def {name}(*, context):
        folder = context.scratch / "deep"
        folder.mkdir()
        (folder / "big").write_text("x")
        {last}
"""


def test_nothing_is_left_in_scratch(all_kinds: Works) -> None:
    """Neither of what succeeded, nor of what failed, died or took its own rights away."""
    scratch = all_kinds.home.path / "scratch"
    for name, last in (("fails", "1 / 0"), ("dies", "os._exit(3)"), ("locks", "folder.chmod(0)")):
        all_kinds.python(name, LEAVES.format(name=name, last=last))
    all_kinds.run()
    all_kinds.pool.close()
    assert list(scratch.iterdir()) == []


def test_a_home_is_read_while_an_engine_writes(all_kinds: Works) -> None:
    code = (
        "import sys; from pathlib import Path; from galley import bootstrap\n"
        "from galley.lake import refs\n"
        "home = bootstrap.open_home(Path(sys.argv[1]))\n"
        "with home.database.read() as conn: print(len(refs.list_refs(conn, 'works')))\n"
    )
    all_kinds.run()
    argument = str(all_kinds.root / "home")
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with all_kinds.home.database.write():
        done = subprocess.run(
            [sys.executable, "-c", code, argument], capture_output=True, env=environ, check=True
        )
    assert int(done.stdout) == 2, KITCHEN


def test_a_cursor_appends_only_what_is_new(works: Works) -> None:
    works.load("raw", "id\n1\n2\n")
    works.sql("log", "SELECT id FROM raw", materialize="append", cursor="id")
    works.run()
    works.load("raw", "id\n1\n2\n3\n")
    assert works.run().state is RunState.SUCCEEDED
    assert works.rows("log") == [(1,), (2,), (3,)]
