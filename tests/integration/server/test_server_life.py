"""How one server begins, goes on after an outage, and ends."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from galley.environments.inspect_workers import engine_at_work
from galley.errors import UnavailableError, UsageError
from galley.runs import starting
from galley.server.host import Server, Serving
from tests.integration.engine.guarded import _begin
from tests.integration.engine.kit import Works


def yes() -> bool:
    return True


def test_a_certificate_that_cannot_be_used(works: Works, tmp_path: Path) -> None:
    path = tmp_path / "nonsense.pem"
    path.write_text("nonsense")
    for serving in (Serving(certificate=str(path)), Serving(certificate_key=str(path))):
        with pytest.raises(UsageError, match="certificate"):
            Server(works.home, serving)


def test_an_outage_that_outlasts_a_try_is_nobodys_loss(works: Works) -> None:
    """What an engine had under way when the database went is handed over when it is back."""
    works.python("one", "@step\ndef one():\n    return []")
    outages: list[str] = []

    def clock() -> int:
        if outages:
            raise UnavailableError(outages.pop())
        return works.home.clock()

    run = works.launch()
    with works.home.database.write() as conn:
        live = starting.start_run(conn, works.site, run, "engine", works.home.clock())
        assert live is not None
        _begin(conn, works.home, live)
    server = Server(replace(works.home, clock=clock), Serving(token="t"))
    server._left.append("engine")
    outages.append("the state database does not answer")
    for _ in range(2):
        server._work(yes)
    server._socket.close()
    assert works.steps(run)["one"].losses == 0
    assert [one["end"] for one in works.attempts(run)] == ["handed_over"]


def test_a_server_ends_when_its_home_is_deleted(works: Works) -> None:
    server = Server(works.home, Serving(token="t"))

    def delete() -> bool:
        shutil.rmtree(works.home.path, ignore_errors=True)
        return False

    with pytest.raises(UnavailableError, match="was deleted or moved"):
        server.run(delete)


def test_what_no_waiting_mends_is_told_once(works: Works, caplog: pytest.LogCaptureFixture) -> None:
    """Nor does a server that cannot work look as if it could."""
    server = Server(works.home, Serving(token="t"))
    with works.home.database.write() as conn:
        conn.exec_driver_sql("ALTER TABLE run_step RENAME TO beside")
    for _ in range(3):
        server._work(yes)
    server._tick()
    assert not server.ready()
    assert not engine_at_work(works.home)
    said = [one.message for one in caplog.records if one.name == "galley.server"]
    assert len(said) == 1
    assert "no such table" in said[0]
    server._socket.close()
