"""A server that dies while it takes a version in leaves nothing that lasts."""

import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from sqlalchemy import func, select

from galley.environments import collection, intake, leftovers, versions
from galley.environments.home import Checkout, Home
from galley.environments.launch import at_hand, kept_code
from galley.errors import StorageError, TooLargeError
from galley.governance.tables import audit
from galley.lake.tables import ref
from galley.project.compile import compile_project
from galley.runs.tables import definition
from tests.api_cast import answering, home_at
from tests.pg_cast import Server

SERVER = """
import sys
from pathlib import Path
from tests.api_cast import answering, home_at
from tests.pg_cast import Server

with answering(home_at(Path(sys.argv[1]))) as client:
    data = Path(sys.argv[2]).read_bytes()
    client.post("/projects/shop/versions", content=data)
"""


def archive(path: Path, **files: str) -> Path:
    with tarfile.open(path, mode="w:gz") as found:
        for name, text in {"galley.yaml": "name: shop\n", **files}.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            found.addfile(member, io.BytesIO(text.encode()))
    return path


def status_of_a_server(home: Home, packed: Path, faults: str) -> int:
    command = [sys.executable, "-c", SERVER, str(home.path), str(packed)]
    environ = {**os.environ, "GALLEY_FAULTS": faults}
    return subprocess.run(command, env=environ, check=False, timeout=60).returncode


def rows(home: Home) -> list[int]:
    with home.database.read() as connection:
        found = (definition, ref, audit)
        return [connection.scalar(select(func.count()).select_from(one)) or 0 for one in found]


@pytest.mark.kill
@pytest.mark.parametrize("point", ["deploy.unpacked", "deploy.before_commit"])
def test_a_killed_deploy_registers_nothing_and_can_be_done_again(
    tmp_path: Path, point: str
) -> None:
    home = home_at(tmp_path / "home")
    packed = archive(tmp_path / "shop.tar.gz", **{"pipelines/p/a.sql": "SELECT 1 AS n"})
    assert status_of_a_server(home, packed, f"{point}:kill") == -9
    assert rows(home) == [0, 0, 0]
    (code,) = (home.path / "code").iterdir()
    assert list((home.path / "scratch").iterdir())

    assert leftovers.remove_leftovers(home, collection.writers) == 1
    assert leftovers.remove_code(home) == 0, "somebody may be about to use it"
    os.utime(code, (0, 0))
    assert leftovers.remove_code(home) == 1
    assert not list((home.path / "scratch").iterdir())

    with answering(home) as client:
        answer = client.post("/projects/shop/versions", content=packed.read_bytes())
        assert answer.status_code == 201
    os.utime(code, (0, 0))
    assert leftovers.remove_code(home) == 0, "it is kept now"
    home.database.close()


@pytest.mark.postgres
def test_what_others_share_brings_its_data_along(tmp_path: Path, pg_server: Server) -> None:
    load = "kind: load\npath: data/*.csv\n"
    files = {"galley.yaml": "name: shop\n", "pipelines/p/raw.yaml": load, "data/a.csv": "n\n1\n"}
    folder = tmp_path / "shop"
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    found = []
    with pg_server.database() as name:
        for home in (home_at(tmp_path / "own"), home_at(tmp_path / "ours", pg_server.url(name))):
            manifest = compile_project(folder)
            wanted = versions.parcel(home, manifest, Checkout(folder), None)
            with home.database.write() as connection:
                done = versions.deploy(connection, home, wanted, "kitchen/ana")
                kept, checkout = at_hand(connection, home, *kept_code(connection, done.version))
            found.append((sorted(kept.files), (checkout.folder / "data" / "a.csv").read_text()))
            home.database.close()
    assert found == [(sorted({*files} - {"data/a.csv"}), "n\n1\n"), (sorted(files), "n\n1\n")]


def test_what_cannot_be_read_or_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="No such file"):
        intake.take_in(tmp_path / "gone", tmp_path / "project")


@pytest.mark.parametrize(
    ("patience", "said"),
    [(intake.Patience(work=1), "seconds of work"), (intake.Patience(wait=0.2), "0.2 seconds")],
)
def test_compiling_has_an_end(tmp_path: Path, patience: intake.Patience, said: str) -> None:
    endless = f"SELECT {'+'.join('1' * 500_000)}"
    packed = archive(tmp_path / "shop.tar.gz", **{"pipelines/p/a.sql": endless})
    with pytest.raises(TooLargeError, match=said):
        intake.take_in(packed, tmp_path / "project", patience)
