"""Versions that are sent to a server which has no folder of the project."""

import gzip
import http.client
import io
import shutil
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from galley.environments import activation
from galley.environments.home import Home
from galley.governance.audit import entries
from galley.governance.model import Actor, Role
from galley.governance.tables import audit
from galley.lake.tables import ref
from galley.project.compile import compile_project
from galley.project.seeds import with_seeds
from galley.project.snapshot import pack_files
from galley.project.uploads import LARGEST
from galley.runs.schedule_tables import trigger
from galley.runs.tables import definition
from galley.server.door import Door
from tests.api_cast import answering, home_at
from tests.integration.api.conftest import Served, serve, works_in
from tests.integration.engine.kit import KITCHEN, WarmPool, Works

W = "/projects/works"
VERSIONS = f"{W}/versions"
GZIP = {"content-type": "application/gzip"}


def archive(works: Works) -> bytes:
    """What a remote command sends."""
    return pack_files(with_seeds(compile_project(works.folder), works.folder), works.folder)


def loose(files: dict[str, str]) -> bytes:
    """Any files as an archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as found:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            found.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


def send(
    served: Any,
    data: bytes,
    path: str = VERSIONS,
    status: int = 201,
    *,
    into: str | None = None,
    **more: Any,
) -> Any:
    client = getattr(served, "client", served)
    told = {"in": into, **more} if into else more
    answer = client.post(path, content=data, headers=GZIP, params=told or None)
    assert answer.status_code == status, answer.text
    return answer.json()


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server without the project's folder, with an engine, to which nothing was sent."""
    works = works_in(tmp_path_factory.mktemp("bare"))
    works.write("pipelines/p/pipeline.yaml", "triggers:\n  - {name: first, every: 6h}\n")
    yield from serve(works, folder=False)
    pool = works.pool
    assert isinstance(pool, WarmPool)
    pool.end()
    works.home.database.close()


def triggers(home: Home) -> set[str]:
    """The triggers that are active once the scheduler has looked."""
    with home.database.write() as connection:
        for found in activation.moved(connection):
            activation.look_at(connection, found, home.clock())
        return set(connection.scalars(select(trigger.c.name).where(trigger.c.active)))


def test_a_version_is_deployed_run_promoted_and_taken_back(bare: Served) -> None:
    works = bare.works
    assert bare.client.get(W).status_code == 404
    first = send(bare, archive(works), message="the first")
    assert (first["new"], first["ref"], first["deployed_in"]) == (
        True,
        *[KITCHEN] * 1,
        [KITCHEN],
    )
    assert first["warnings"] == []
    works.folder.rename(works.root / "away")
    bare.run()
    (works.root / "away").rename(works.folder)
    promote(bare, first["short"])
    assert bare.get(f"{W}/tables/orders", ref="production")["rows"] == 3
    assert triggers(bare.home) == {"p.first"}

    works.sql("orders", "SELECT order_id, amount * 3 AS amount FROM raw")
    works.write("pipelines/p/pipeline.yaml", "triggers:\n  - {name: second, every: 6h}\n")
    second = send(bare, archive(works), message="the second")
    assert second["before"] == first["version"]
    code = bare.get(f"{W}/pipelines/p", ref=KITCHEN)["code"]
    assert (code["version"], code["origin"]) == (second["version"], "deployed")
    # As on another machine, or in a restored home: the database has all that is needed.
    shutil.rmtree(bare.home.path / "code" / second["version"])
    promote(bare, second["version"])
    assert triggers(bare.home) == {"p.second"}
    shown = bare.get(f"{VERSIONS}/{second['short']}", against="production")
    assert (shown["active_in"], shown["changes"]["steps"]) == (["production"], [])
    shown = bare.get(f"{VERSIONS}/{second['short']}", against=first["short"])
    assert shown["changes"]["steps"] == [{"step": "orders", "change": "changed"}]
    assert "data/raw.csv" in {one["path"] for one in shown["contents"]}

    found = bare.client.get(f"{W}/refs/production")
    headers = {"if-match": found.headers["etag"]}
    bare.post(f"{W}/refs/production/rollback", {"reason": "wrong"}, 200, **headers)
    assert triggers(bare.home) == {"p.first"}
    listed = {one["version"]: one for one in bare.get(VERSIONS)["items"]}
    assert listed[first["version"]]["active_in"] == ["production"]
    assert listed[second["version"]]["active_in"] == []
    assert listed[second["version"]]["deployed_in"] == [KITCHEN]
    codes = [one["code_version"] for one in bare.get(f"{W}/refs/production/history")["items"]]
    assert codes[:3] == [first["version"], second["version"], first["version"]]


def promote(served: Served, version: str) -> None:
    asked = served.post(f"{W}/promotions", {"version": version}, 202)
    run = served.ended(asked["run"]["run"])
    assert served.get(f"/runs/{run}")["state"] == "succeeded"


def test_a_run_may_be_of_any_version(bare: Served) -> None:
    """The kitchen goes on with what was deployed to it."""
    works = bare.works
    works.sql("orders", "SELECT order_id, amount * 5 AS amount FROM raw")
    other = send(bare, archive(works), into="kitchen/other")
    run = bare.run(version=other["short"])
    assert bare.get(f"/runs/{run}")["definition"] == other["version"]
    assert bare.get(f"{VERSIONS}/{other['version']}")["deployed_in"] == ["kitchen/other"]
    refused = {"pipeline": "p", "ref": "production", "version": other["short"]}
    assert bare.post(f"{W}/runs", refused, 403)["code"] == "protected_ref"
    missing = bare.post(f"{W}/runs", {"pipeline": "p", "version": "0000"}, 404)
    assert other["short"] in missing["hint"]


def test_a_run_goes_on_with_the_version_that_is_named(bare: Served) -> None:
    works = bare.works
    works.sql("orders", "SELECT order_id, amount FROM raw WHERE error('no') IS NULL")
    wrong = send(bare, archive(works), into="kitchen/wrong")
    failed = bare.run(ref="kitchen/wrong", version=wrong["version"])
    works.sql("orders", "SELECT order_id, amount * 6 AS amount FROM raw")
    right = send(bare, archive(works), into="kitchen/other")
    both = {"same_code": True, "version": right["version"]}
    assert bare.post(f"/runs/{failed}/resume", both, 400)["code"] == "usage"
    asked = bare.post(f"/runs/{failed}/resume", {"version": right["version"]}, 202)
    shown = bare.get(f"/runs/{bare.ended(asked['run'])}")
    assert (shown["definition"], shown["state"]) == (right["version"], "succeeded")
    assert shown["ref"] == "kitchen/wrong"


def numbers(home: Home) -> tuple[int, int, int]:
    """How many versions, refs and entries of the audit there are."""
    with home.database.read() as connection:
        counts = [
            connection.scalar(select(func.count()).select_from(one)) or 0
            for one in (definition, ref, audit)
        ]
    return counts[0], counts[1], counts[2]


def left(home: Home) -> tuple[object, ...]:
    """All that a deploy could leave."""
    folders = (home.path / "scratch", home.path / "code")
    return (*numbers(home), *(sorted(path.name for path in one.iterdir()) for one in folders))


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    found = home_at(tmp_path / "home")
    yield found
    found.database.close()


YAML = {"galley.yaml": "name: shop\n"}
BOMB = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9))


def test_the_same_files_are_the_same_version(home: Home) -> None:
    shop = "/projects/shop/versions"
    data = loose(YAML)
    with answering(home) as client:
        first = send(client, data, shop)
        before = numbers(home)
        again = send(client, data, shop, expect=first["version"])
        assert (again["version"], again["new"]) == (first["version"], False)
        assert numbers(home) == (*before[:2], before[2] + 1)
        key = GZIP | {"idempotency-key": "one-deploy"}
        for replayed in (None, "true"):
            answer = client.post(shop, content=data, headers=key)
            assert answer.headers.get("idempotency-replayed") == replayed
        answer = client.post(shop, content=data, headers=key, params={"message": "else"})
        assert answer.json()["code"] == "replayed_key"
        other = send(client, data, shop, 409, expect="0" * 32)
        assert other["details"]["found"] == first["version"]
        assert "duckdb" in other["detail"]


def test_bad_definitions_are_told_with_their_places(home: Home) -> None:
    files = YAML | {
        "pipelines/p/a.sql": "SELECT 1 AS n\n",
        "pipelines/p/b.sql": "SELECT 1\nFROM missing_table WHERE (\n",
        "pipelines/p/c.yaml": f"kind: load\na0: &a0 x\n{BOMB}",
        "pipelines/p/d.py": "from galley import step\n\n@step\ndef d(:\n    pass\n",
        "pipelines/p/e.py": f"x = {'(' * 5000}{')' * 5000}\n",
        "pipelines/p/f.yaml": "[" * 30_000,
        "pipelines/p/g.py": f"from galley import step\n\n@step{'.x' * 20_000}\ndef g(): ...\n",
    }
    before = left(home)
    with answering(home) as client:
        told = send(client, loose(files), "/projects/shop/versions", 422)
    assert told["code"] == "definitions"
    places = {one["where"].split(":")[0]: one for one in told["details"]["problems"]}
    assert places.keys() == {
        f"pipelines/p/{n}" for n in ("b.sql", "c.yaml", "d.py", "e.py", "f.yaml", "g.py")
    }
    assert places["pipelines/p/d.py"]["where"] == "pipelines/p/d.py:4:7"
    assert "aliases" in places["pipelines/p/c.yaml"]["message"]
    assert left(home) == before


def test_nothing_of_a_project_is_run(home: Home, tmp_path: Path) -> None:
    evil = f"import pathlib\npathlib.Path({str(tmp_path / 'ran')!r}).touch()\n"
    step = "from galley import step\n\n@step\ndef a():\n    return [{'n': 1}]\n"
    names = ("__init__.py", "sitecustomize.py", "galley.py", "yaml.py", "pipelines/p/conftest.py")
    files = YAML | dict.fromkeys(names, evil) | {"pipelines/p/a.py": f"{evil}\n{step}"}
    with answering(home) as client:
        made = send(client, loose(files), "/projects/shop/versions")
    assert (made["steps"], made["active_in"]) == (1, [])
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("data", "status", "said"),
    [
        (loose({"../evil": "x"} | YAML), 422, "leads out of the project"),
        (loose({"pipelines/p/a.sql": "SELECT 1 AS n"}), 422, "no galley.yaml"),
        (loose(YAML)[:40], 422, "cut short"),
        (b"{}", 422, "not compressed with gzip"),
        (gzip.compress(bytes(1 << 20)) * 200, 413, "more than 128 MiB"),
        (loose({"galley.yaml": "name: other\n"}), 422, "of the project other, not of shop"),
    ],
)
def test_what_is_refused_leaves_nothing(home: Home, data: bytes, status: int, said: str) -> None:
    before = left(home)
    with answering(home) as client:
        told = send(client, data, "/projects/shop/versions", status)
    assert said in told["detail"]
    assert left(home) == before


def test_an_upload_that_is_too_large_is_not_read(home: Home) -> None:
    """Neither one that says so, nor one that does not."""

    def endless() -> Iterator[bytes]:
        sent = 0
        while sent <= LARGEST + (2 << 20):
            yield bytes(1 << 20)
            sent += 1 << 20

    before = left(home)
    with answering(home) as client:
        path = "/projects/shop/versions"
        plain = http.client.HTTPConnection("127.0.0.1", client.base_url.port, timeout=20)
        plain.putrequest("POST", f"/api/v1{path}")
        plain.putheader("content-length", str(LARGEST + 1))
        plain.endheaders()
        assert plain.getresponse().status == 413
        plain.close()
        answer = client.post(path, content=endless(), headers=GZIP)
        assert answer.status_code == 413
        answer = client.post("/projects/shop/runs", content=bytes(2 << 20))
        assert answer.status_code == 413
    assert left(home) == before


def test_who_may_deploy_and_where(fresh: Served) -> None:
    data = archive(fresh.works)
    door = fresh.app.state.door
    try:
        for role, status in ((Role.VIEWER, 403), (Role.WORKER, 403), (Role.ENGINEER, 201)):
            fresh.app.state.door = Door(replace(fresh.home, actor=Actor("ben", role=role)))
            send(fresh, data, status=status)
    finally:
        fresh.app.state.door = door
    told = send(fresh, b"never read", status=403, into="production")
    assert "only a promotion activates a version" in told["detail"]
    assert send(fresh, b"never read", status=404, into="nowhere")["code"] == "ref_not_found"
    with fresh.home.database.read() as connection:
        (last,) = [one for one in entries(connection, "works") if one["action"] == "deploy"]
    assert (last["actor"], last["object"], last["rule"]) == ("ben", "kitchen/ben", "role-engineer")


def test_what_is_not_committed_is_not_promoted(fresh: Served) -> None:
    data = archive(fresh.works)
    made = send(fresh, data, commit="a" * 40, dirty=["pipelines/p/orders.sql"])
    assert (made["git_commit"], made["dirty"]) == ("a" * 40, True)
    told = fresh.post(f"{W}/promotions", {"version": made["short"], "dry_run": True}, 409)
    assert "pipelines/p/orders.sql" in told["detail"]
    made = send(fresh, data, commit="b" * 40)
    assert (made["git_commit"], made["dirty"], made["new"]) == ("b" * 40, False, False)
    fresh.post(f"{W}/promotions", {"version": made["short"], "dry_run": True}, 202)
