"""What has expired goes; what is in use, or was a while ago, stays."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from galley import bootstrap
from galley.environments import retention
from galley.environments.home import Home
from galley.ids import new_id
from galley.lake import refs
from galley.lake.model import PRODUCTION, RefKind
from galley.project.model import Retention
from galley.runs import records
from galley.runs.model import Intention, Run, RunCause, RunRequest, RunState

DAY = 24 * 3600 * 1_000_000


def opened(path: Path) -> Home:
    home = bootstrap.open_home(path)
    with home.database.write() as connection:
        refs.ensure_project(connection, "shop", actor="ana", now=home.clock())
    return home


def branch(home: Home, name: str, kind: RefKind, expires: int | None) -> None:
    with home.database.write() as connection:
        head = refs.get_ref(connection, "shop", PRODUCTION).head
        now = home.clock()
        refs.create_ref(
            connection, "shop", name, kind, head, owner="ana", now=now, expires_at=expires
        )


def expired(home: Home) -> retention.Expired:
    with home.database.read() as connection:
        return retention.plan_retention(connection, home, "shop", Retention())


def test_refs_past_their_time_are_removed(tmp_path: Path) -> None:
    home = opened(tmp_path / "home")
    branch(home, "kitchen/old", RefKind.KITCHEN, home.clock() - 1)
    branch(home, "kitchen/new", RefKind.KITCHEN, home.clock() + DAY)
    branch(home, "run/gone", RefKind.RUN, home.clock() - 1)
    branch(home, "tag/kept", RefKind.TAG, None)
    found = expired(home)
    assert [ref.name for ref in found.refs] == ["kitchen/old", "run/gone"]
    with home.database.write() as connection:
        retention.apply_retention(connection, home, "shop", found)
    with home.database.read() as connection:
        left = [ref.name for ref in refs.list_refs(connection, "shop")]
    assert left == ["kitchen/new", PRODUCTION, "tag/kept"]
    assert expired(home).refs == ()


def queued(home: Home, ref: str, resumes: str | None = None) -> str:
    """A run that nobody works on yet."""
    request = RunRequest(("p",), ref, resumes=resumes)
    run = Run(
        id=new_id(),
        project="shop",
        pipeline="p",
        ref=ref,
        state=RunState.QUEUED,
        intention=Intention.GO,
        cause=RunCause.MANUAL,
        definition="",
        request=request,
        actor="ana",
    )
    with home.database.write() as connection:
        records.insert_run(connection, run)
    return run.id


def test_what_is_used_between_plan_and_removal_stays(tmp_path: Path) -> None:
    """Renewed, worked in, resumed, moved or closed meanwhile; the rest goes all the same."""
    home = opened(tmp_path / "home")
    kept = ["kitchen/renewed", "kitchen/used", "run/gone-on", "kitchen/moved"]
    for name in (*kept, "kitchen/closed", "kitchen/idle"):
        kind = RefKind.RUN if name.startswith("run/") else RefKind.KITCHEN
        branch(home, name, kind, home.clock() - 1)
    found = expired(home)
    assert len(found.refs) == 6
    queued(home, "kitchen/used")
    queued(home, "kitchen/other", resumes="gone-on")
    with home.database.write() as connection:
        named = {ref.name: ref for ref in found.refs}
        refs.set_expiry(connection, named["kitchen/renewed"], home.clock() + DAY)
        moved = named["kitchen/moved"]
        refs.set_fork_point(connection, moved, moved.head, who="ana", why="x", now=home.clock())
        refs.delete_ref(
            connection, named["kitchen/closed"], who="ana", why="closed", now=home.clock()
        )
        gone = retention.apply_retention(connection, home, "shop", found)
        assert [ref.name for ref in gone.refs] == ["kitchen/idle"]
        assert all(refs.find_ref(connection, "shop", name) for name in kept)


def test_old_logs_are_removed_after_their_transaction(tmp_path: Path) -> None:
    """What a crash between the two leaves is found again."""
    home = opened(tmp_path / "home")
    now = home.clock()
    running = queued(home, PRODUCTION)
    for name, at in (("old", now - 31 * DAY), (running, now - 31 * DAY), ("new", now)):
        folder = home.path / "logs" / name
        folder.mkdir()
        (folder / "step.1.out").write_text("printed")
        os.utime(folder, (at / 1e6, at / 1e6))
    for _ in range(2):
        found = expired(home)
        assert (len(found.logs), found.log_bytes) == (2, 2 * len("printed"))
        with home.database.write() as connection:
            gone = retention.apply_retention(connection, home, "shop", found)
            assert len(list((home.path / "logs").iterdir())) == 3
        assert [Path(folder).name for folder in gone.logs] == ["old"]
    retention.remove_logs(gone)
    assert {path.name for path in (home.path / "logs").iterdir()} == {"new", running}


ROUND = """
import sys
from pathlib import Path

from galley import bootstrap
from galley.environments import retention
from galley.project.model import Retention

home = bootstrap.open_home(Path(sys.argv[1]))
with home.database.read() as connection:
    found = retention.plan_retention(connection, home, "shop", Retention())
with home.database.write() as connection:
    found = retention.apply_retention(connection, home, "shop", found)
retention.remove_logs(found)
"""


@pytest.mark.kill
def test_logs_that_a_killed_round_left_go_with_the_next(tmp_path: Path) -> None:
    home = opened(tmp_path / "home")
    old = home.path / "logs" / "old"
    old.mkdir()
    os.utime(old, (0, 0))
    environ = {**os.environ, "GALLEY_FAULTS": "retention.before_removal:kill"}
    command = [sys.executable, "-c", ROUND, str(home.path)]
    assert subprocess.run(command, env=environ, check=False).returncode == -9
    assert old.exists()
    retention.remove_logs(expired(home))
    assert not old.exists()
