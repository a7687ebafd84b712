"""What a load would read, as a digest."""

import json
import os
from pathlib import Path

import pytest

from galley.errors import InputDataError
from galley.project.model import LoadSpec, Materialize, Source, Step, StepKind
from galley.runs.runner import probe as module
from galley.runs.runner.probe import probe

LONG_AGO = 1_500_000_000


def step(path: str | None = "data/*.csv", kind: StepKind = StepKind.LOAD) -> Step:
    spec = LoadSpec("csv" if path else "postgres", path=path)
    source = Source("pipelines/p/a.yaml")
    return Step("a", "p", kind, source, ("a",), (), Materialize.TABLE, "h", load=spec)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A project with two old files."""
    (tmp_path / "data").mkdir()
    for name in ("a", "b"):
        (tmp_path / "data" / f"{name}.csv").write_text(f"id\n{name}\n")
        os.utime(tmp_path / "data" / f"{name}.csv", (LONG_AGO, LONG_AGO))
    return tmp_path


def test_it_follows_names_and_contents(files: Path) -> None:
    first = probe(step(), str(files))
    assert first is not None
    (files / "data" / "ignored.txt").write_text("x")
    assert probe(step(), str(files)) == first
    (files / "data" / "a.csv").write_text("id\nc\n")
    second = probe(step(), str(files))
    (files / "data" / "a.csv").rename(files / "data" / "c.csv")
    assert len({first, second, probe(step(), str(files))}) == 3


def test_it_does_not_depend_on_the_projects_place(files: Path, tmp_path: Path) -> None:
    first = probe(step(), str(files))
    (tmp_path / "moved").mkdir()
    (files / "data").rename(tmp_path / "moved" / "data")
    assert probe(step(), str(tmp_path / "moved")) == first


def test_a_cache_spares_reading(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_RACY", -1)
    cache = str(tmp_path / "cache" / "probes.json")
    first = probe(step(), str(files), cache)
    known = json.loads(Path(cache).read_text())
    for entry in known.values():
        entry["sha256"] = "from the cache"
    Path(cache).write_text(json.dumps(known))
    assert probe(step(), str(files), cache) != first
    (files / "data" / "a.csv").write_text("id\na\n")
    (files / "data" / "b.csv").write_text("id\nb\n")
    assert probe(step(), str(files), cache) == first


def test_a_file_that_just_changed_is_read_again(files: Path, tmp_path: Path) -> None:
    cache = str(tmp_path / "probes.json")
    path = files / "data" / "a.csv"
    path.write_text("id\nx\n")
    before = path.stat()
    first = probe(step(), str(files), cache)
    path.write_text("id\ny\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert probe(step(), str(files), cache) != first


@pytest.mark.parametrize("content", ["", "[]", "{", '{"x": 3}'])
def test_a_broken_cache_is_ignored(files: Path, tmp_path: Path, content: str) -> None:
    cache = tmp_path / "probes.json"
    cache.write_text(content)
    assert probe(step(), str(files), str(cache)) == probe(step(), str(files))


def test_what_cannot_be_known(files: Path) -> None:
    assert probe(step(None), str(files)) is None
    assert probe(step(kind=StepKind.SQL), str(files)) is None


def test_no_such_files(files: Path) -> None:
    with pytest.raises(InputDataError, match=r"no file matches data/\*\.json"):
        probe(step("data/*.json"), str(files))


def test_a_file_that_cannot_be_read_is_named() -> None:
    """This one is there, and reading it fails whoever asks."""
    with pytest.raises(InputDataError, match="proc/self/mem cannot be read"):
        probe(step("/proc/self/mem"), "/")
