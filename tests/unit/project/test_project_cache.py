"""The memory of the compiler: right whatever changed, and cheap when nothing did."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from galley.errors import ConflictError, DefinitionErrors
from galley.project.codec import manifest_from_json, manifest_to_json
from galley.project.compile import compile_project
from galley.project.model import Manifest
from galley.project.scaffold import init_project
from galley.project.snapshot import save

QUIET = """
import sys
from pathlib import Path
from galley.project.compile import compile_project
compile_project(Path(sys.argv[1]), cache=Path(sys.argv[2]))
heavy = {"yaml", "pydantic", "sqlglot", "duckdb", "sqlalchemy", "importlib.metadata"}
print(sorted(heavy & set(sys.modules)))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    init_project(tmp_path / "shop", "shop")
    return tmp_path / "shop"


def compiled(folder: Path) -> Manifest:
    """What the memory says, which must be what a fresh compilation says."""
    kept = compile_project(folder, cache=folder / ".galley" / "cache")
    assert kept == compile_project(folder)
    return kept


def test_a_manifest_survives_json(folder: Path) -> None:
    manifest = compile_project(folder)
    assert manifest_from_json(manifest_to_json(manifest)) == manifest


def test_nothing_heavy_is_imported_when_nothing_changed(folder: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    compile_project(folder, cache=cache)
    done = subprocess.run(
        [sys.executable, "-c", QUIET, folder, cache], check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == "[]"


def test_importing_galley_costs_nothing() -> None:
    code = "import sys, galley; galley.step; print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert not {"'yaml'", "'pydantic'", "'duckdb'", "'sqlalchemy'"} & set(done.stdout.split(", "))


def test_every_change_is_noticed(folder: Path) -> None:
    first = compiled(folder)
    assert compiled(folder).hash == first.hash
    (folder / "pipelines/shop/more.sql").write_text("SELECT 1 AS x")
    assert "more" in compiled(folder).steps
    (folder / "pipelines/shop/more.sql").write_text("SELECT 2 AS x")
    assert compiled(folder).steps["more"].sql == "SELECT 2 AS x"
    (folder / "pipelines/shop/more.sql").unlink()
    assert compiled(folder).hash == first.hash
    (folder / "requirements.txt").write_text("polars==2\n")
    assert compiled(folder).toolchain != first.toolchain


def test_a_module_that_appears_is_noticed(folder: Path) -> None:
    path = folder / "pipelines/shop/best_customers.py"
    path.write_text("import extra\n" + path.read_text())
    assert compiled(folder).steps["best_customers"].modules == ()
    (folder / "extra.py").write_text("X = 1\n")
    assert compiled(folder).steps["best_customers"].modules == ("extra.py",)
    (folder / "extra.py").write_text("X = 2\n")
    compiled(folder)


def test_an_error_is_not_remembered(folder: Path) -> None:
    compiled(folder)
    path = folder / "pipelines/shop/orders.sql"
    text = path.read_text()
    path.write_text(text.replace("raw_orders", "row_orders"))
    for _ in range(2):
        with pytest.raises(DefinitionErrors, match="did you mean 'raw_orders'"):
            compile_project(folder, cache=folder / ".galley" / "cache")
    path.write_text(text)
    compiled(folder)


@pytest.mark.parametrize("damage", ["", "{}", "null", "not json", '{"stamp": 1}\n{}'])
def test_a_damaged_memory_is_no_memory(folder: Path, damage: str) -> None:
    first = compiled(folder)
    for path in (folder / ".galley" / "cache").iterdir():
        path.write_text(damage)
    assert compiled(folder) == first


def test_a_snapshot_holds_what_was_compiled(folder: Path, tmp_path: Path) -> None:
    manifest = compile_project(folder)
    target = tmp_path / "code" / manifest.hash
    save(manifest, folder, target)
    assert compile_project(target).steps == manifest.steps
    kept = json.loads((target / ".galley-manifest.json").read_text())
    assert kept["hash"] == manifest.hash
    save(manifest, folder, target)
    assert [path.name for path in target.parent.iterdir()] == [manifest.hash]


def test_a_snapshot_of_changed_files_is_refused(folder: Path, tmp_path: Path) -> None:
    manifest = compile_project(folder)
    (folder / "pipelines/shop/orders.sql").write_text("SELECT 1 AS order_id")
    with pytest.raises(ConflictError, match="changed since"):
        save(manifest, folder, tmp_path / "code" / "x")
    assert list((tmp_path / "code").iterdir()) == []
