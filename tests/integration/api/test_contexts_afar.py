"""The command line against a server that has no folder of the project."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest

from galley.cli.remote import code, starting
from galley.cli.remote.following import follow
from galley.cli.remote.place import Remote
from galley.environments.scheduler import Scheduler
from tests.cli_cast import validate
from tests.integration.api.both import Both
from tests.integration.api.conftest import serve, works_in
from tests.integration.engine.kit import KITCHEN, WarmPool

DATABASES = ["sqlite", pytest.param("postgres", marks=[pytest.mark.postgres, pytest.mark.long])]


@pytest.fixture(scope="module", params=DATABASES)
def far(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """Ana in a folder whose home is elsewhere, with nothing deployed yet."""
    with ExitStack() as stack:
        url = None
        if request.param == "postgres":
            server = request.getfixturevalue("pg_server")
            url = server.url(stack.enter_context(server.database()))
        works = works_in(tmp_path_factory.mktemp("afar"), url)
        for served in serve(works, folder=False):
            both = Both(served, works.root / "contexts.json")
            assert both.there("context", "add", "shop", served.url).status == 0
            yield both
        pool = works.pool
        assert isinstance(pool, WarmPool)
        pool.end()
        works.home.database.close()


def test_what_runs_is_sent_before(far: Both) -> None:
    works = far.served.works
    first = far.there("run", "--json")
    assert first.status == 0, first.err
    assert first.json["ref"] == KITCHEN
    assert "kitchen/ana works with version" in first.err
    works.sql("orders", "SELECT order_id, amount * 3 AS amount FROM raw")
    second = far.there("run")
    assert second.status == 0, second.err
    assert far.total(KITCHEN) == 180
    again = far.there("deploy", "--json")
    validate(again.json, "deploy")
    assert (again.json["new"], again.json["before"]) == (False, again.json["version"])
    assert "✓ published to production" in far.there("promote", "--yes").out
    works.sql("broken", "SELEC 1")
    wrong = far.there("run")
    assert (wrong.status, "broken.sql" in wrong.err) == (2, True)
    (works.folder / "pipelines/p/broken.sql").unlink()


def test_a_plan_is_of_the_folder_and_nothing_of_it_is_kept(far: Both) -> None:
    far.served.works.sql("orders", "SELECT order_id, amount * 4 AS amount FROM raw")
    before = far.served.get("/projects/works/versions")["items"]
    for more in ((), ("--in", "kitchen/new", "--rebuild", "talk")):
        here, there = (run("plan", "p", *more, "--json") for run in (far.here, far.there))
        assert there.json == here.json
        assert {"name": "orders", "action": "run"}.items() <= there.json["steps"][1].items()
    assert far.served.get("/projects/works/versions")["items"] == before
    assert far.there("plan", "pp").status == far.here("plan", "pp").status == 2
    unknown = far.served.client.post(
        "/projects/works/plan/files", params={"wish": '{"pipelin": 1}'}, content=b""
    )
    assert unknown.status_code == 422


def test_a_sample_is_of_the_folder(far: Both) -> None:
    orders = "SELECT order_id, amount * 4 AS amount FROM raw"
    far.served.works.sql("orders", orders)
    here, there = (run("preview", "orders", "--json") for run in (far.here, far.there))
    validate(there.json, "preview")
    assert there.json | {"seconds": 0} == here.json | {"seconds": 0}
    assert [row["amount"] for row in there.json["rows"]] == [40, 80, 120]
    far.served.works.sql("orders", f"{orders} WHERE error('no') IS NULL")
    wrong = far.there("preview", "orders")
    assert (wrong.status, "pipelines/p/orders.sql" in wrong.err) == (1, True)
    far.served.works.sql("orders", orders)
    assert far.there("preview", "ordrs").status == 2


DOUBLED = """
/* @galley
tests:
  - unique: {column: n, name: once}
*/
SELECT 1 AS n UNION ALL SELECT 1
"""


def test_a_run_is_published_over_a_test(far: Both) -> None:
    far.served.works.write("pipelines/d/doubled.sql", DOUBLED.lstrip())
    assert far.there("run", "d").status == 1
    over = ("runs", "publish", "last", "--override")
    unknown = far.there(*over, "twice", "--reason", "known")
    assert (unknown.status, "doubled.once" in unknown.err) == (2, True)
    done = far.there(*over, "once", "--reason", "known", "--expires", "2h", "--json")
    assert done.status == 0, done.err
    validate(done.json, "run")
    assert done.json["published"]
    tables = {one["name"]: one for one in far.there("tables", "--json").json["tables"]}
    assert [one["by"] for one in tables["doubled"]["overrides"]] == ["ana"]
    shutil.rmtree(far.served.works.folder / "pipelines/d")


def test_triggers_fire_and_wait(far: Both) -> None:
    triggers = "[{name: often, every: 6h}, {name: by_hand, manual: {}}]"
    far.served.works.write("pipelines/p/pipeline.yaml", f"triggers: {triggers}\n")
    assert far.there("promote", "--yes").status == 0
    Scheduler(far.served.home).tick(far.served.home.clock())
    paused = far.there("triggers", "pause", "often", "--reason", "too often", "--json")
    validate(paused.json, "trigger")
    assert paused.json["trigger"]["paused_by"] == "ana"
    assert far.there("triggers", "--json").json == far.here("triggers", "--json").json
    assert not far.there("triggers", "resume", "often", "--json").json["trigger"]["paused"]
    fired = far.there("triggers", "fire", "by_hand", "--json")
    assert fired.status == 0, fired.err
    assert (fired.json["cause"], fired.json["ref"]) == ("trigger", "production")


def test_what_was_sent_runs_though_others_deploy_meanwhile(
    far: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = far.another_folder(times=7)

    def after_a_deploy(remote: Remote, start: Callable[[], str], *, as_json: bool) -> int:
        code.send(replace(remote, folder=others), KITCHEN)
        return follow(remote, start, as_json=as_json)

    monkeypatch.setattr(starting, "follow", after_a_deploy)
    assert far.there("run").status == 0
    assert far.total(KITCHEN) == 240
    kept = far.served.get("/projects/works/pipelines/p", ref=KITCHEN)["code"]["version"]
    assert kept != far.there("show", "--json").json["definition"]
