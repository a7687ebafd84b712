"""A kept project version travels as one archive, and is believed only if its hash says so."""

import io
import tarfile
from pathlib import Path

import pytest

from galley.errors import ConflictError
from galley.project import snapshot
from galley.project.compile import compile_project


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A project version as a home keeps it; the folder's name is its hash."""
    project = tmp_path / "project"
    (project / "pipelines" / "p").mkdir(parents=True)
    (project / "galley.yaml").write_text("name: shop\n")
    (project / "pipelines" / "p" / "one.sql").write_text("SELECT 1 AS a\n")
    manifest = compile_project(project)
    folder = tmp_path / "code" / manifest.hash
    snapshot.save(manifest, project, folder)
    return folder


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def test_what_was_packed_comes_out(kept: Path, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere" / kept.name
    packed = snapshot.pack(kept)
    assert packed == snapshot.pack(kept)
    snapshot.unpack(packed, target)
    assert files(target) == files(kept)
    snapshot.unpack(b"never looked at: it is there", target)


def test_an_archive_under_another_hash(kept: Path, tmp_path: Path) -> None:
    with pytest.raises(ConflictError, match="holds other files"):
        snapshot.unpack(snapshot.pack(kept), tmp_path / "elsewhere" / ("0" * 32))


def test_a_changed_file(kept: Path, tmp_path: Path) -> None:
    (kept / "pipelines" / "p" / "one.sql").write_text("SELECT 2 AS a\n")
    target = tmp_path / "elsewhere" / kept.name
    with pytest.raises(ConflictError, match="holds other files"):
        snapshot.unpack(snapshot.pack(kept), target)
    assert not target.exists()


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_an_archive_that_is_cut_off(kept: Path, tmp_path: Path, share: float) -> None:
    packed = snapshot.pack(kept)
    with pytest.raises(ConflictError, match="damaged"):
        snapshot.unpack(packed[: int(len(packed) * share)], tmp_path / "elsewhere" / kept.name)


@pytest.mark.parametrize("name", ["../outside", "/outside", "a/../../outside"])
def test_a_name_that_leads_out(kept: Path, tmp_path: Path, name: str) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        member = tarfile.TarInfo(name)
        member.size = 1
        archive.addfile(member, io.BytesIO(b"x"))
    with pytest.raises(ConflictError, match="damaged"):
        snapshot.unpack(buffer.getvalue(), tmp_path / "elsewhere" / kept.name)
    assert not (tmp_path / "outside").exists()
