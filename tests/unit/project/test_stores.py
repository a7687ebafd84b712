"""Warehouses and connections to object stores in galley.yaml: what may stand there, what not."""

from pathlib import Path

import pytest

from galley import bootstrap
from galley.errors import DefinitionErrors, GalleyError, UnavailableError, UsageError
from galley.lake.files import Access
from galley.project.compile import compile_project
from galley.project.declared import declared_store

STORE = """
warehouse: s3://lake/shop/
warehouse_connection: store
connections:
  store: {kind: s3, endpoint: "http://127.0.0.1:9000", region: eu-1, key: "${ID}", secret: "${KEY}"}
secrets: {ID: env:LAKE_ID, KEY: "file:key.txt"}
"""


def project(folder: Path, text: str) -> Path:
    (folder / "galley.yaml").write_text(f"name: shop\n{text}")
    return folder


def test_a_connection_gives_access_with_its_secrets(tmp_path, monkeypatch):
    place = bootstrap.find_place(project(tmp_path, STORE))
    assert place is not None
    assert place.root == "s3://lake/shop"
    with pytest.raises(UnavailableError, match="the secret ID is not set"):
        place.access()
    monkeypatch.setenv("LAKE_ID", "ana")
    (tmp_path / "key.txt").write_text("s3cret\n")
    assert place.access() == Access("http://127.0.0.1:9000", "eu-1", "ana", "s3cret")
    (tmp_path / "key.txt").write_text("another\n")
    assert place.access() == Access("http://127.0.0.1:9000", "eu-1", "ana", "another")


def test_the_environment_chooses_before_the_file(tmp_path, monkeypatch):
    folder = project(tmp_path, STORE)
    monkeypatch.setenv("GALLEY_WAREHOUSE", "s3://other/place")
    place = bootstrap.find_place(folder)
    assert place is not None
    assert place.root == "s3://other/place"
    monkeypatch.setenv("GALLEY_WAREHOUSE", "tables")
    assert bootstrap.find_place(folder) == bootstrap.Place(str(tmp_path / "tables"))
    monkeypatch.setenv("GALLEY_WAREHOUSE", "gs://lake/shop")
    with pytest.raises(UsageError, match="cannot stand at 'gs://'"):
        bootstrap.find_place(folder)


def test_without_a_connection_the_environment_gives_access(tmp_path):
    place = bootstrap.find_place(project(tmp_path, "warehouse: s3://lake\n"))
    assert place is not None
    assert (place.root, place.access()) == ("s3://lake", None)
    assert bootstrap.find_place(project(tmp_path, "")) is None
    found = declared_store(project(tmp_path, "warehouse: ../tables\n"))
    assert found is not None
    assert found.address == "../tables"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("s3://lake/shop/", "s3://", "'s3://' names no bucket"),
        ("s3://lake/shop/", "s3://Lake_1/x", "names no bucket"),
        ("s3://lake/shop/", "s3://lake//x", "names no bucket"),
        ("s3://lake/shop/", "azure://lake", "cannot stand at 'azure://'"),
        ("s3://lake/shop/", "tables", "a folder needs no connection"),
        ("_connection: store", "_connection: stoer", "no connection 'stoer' of kind s3"),
        ("kind: s3", "kind: postgres", "'endpoint' belongs to a connection of kind s3"),
        ("http://", "ftp://", "is no address of an object store"),
        ("${KEY}", "plain", "the secret must not stand in a file"),
        ("${KEY}", "x${KEY}", "the secret must not stand in a file"),
        ("${ID}", "${IDD}", "there is no secret 'IDD'"),
        (', secret: "${KEY}"', "", "a key and its secret go together"),
    ],
)
def test_what_cannot_be_is_told_with_its_place(tmp_path, old, new, said):
    folder = project(tmp_path, STORE.replace(old, new))
    with pytest.raises(DefinitionErrors) as caught:
        compile_project(folder)
    assert said in str(caught.value)
    assert all(one.where and one.where.line for one in caught.value.problems)
    with pytest.raises(GalleyError):
        declared_store(folder)


def test_a_good_one_compiles(tmp_path):
    (tmp_path / "pipelines/p").mkdir(parents=True)
    (tmp_path / "pipelines/p/one.sql").write_text("SELECT 1 AS a")
    connection = compile_project(project(tmp_path, STORE)).connections["store"]
    assert (connection.kind, connection.url) == ("s3", "http://127.0.0.1:9000")
    assert connection.options == {"region": "eu-1", "key": "${ID}", "secret": "${KEY}"}
