"""Reading a project's tables from Python."""

import os
from datetime import date
from pathlib import Path

import pytest

import galley
from galley.errors import RefNotFoundError, TableNotFoundError, UsageError
from tests.cli_cast import Shell, shop


@pytest.fixture(scope="module")
def ana(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """Ana at a project that has run in her kitchen."""
    shell = shop(tmp_path_factory.mktemp("shop"))
    shell.galley("run")
    return shell


def test_a_client_reads_one_commit(ana: Shell) -> None:
    with galley.connect("kitchen/ana", project=ana.folder) as data:
        before = data.sql("SELECT count(*) FROM best_customers").fetchall()
        ana.galley("run", "--var", "best=2")
        assert data.sql("SELECT count(*) FROM best_customers").fetchall() == before
        assert data.tables == ("best_customers", "orders", "raw_orders")
        pinned = f"{data.ref}@{data.commit}"
    with galley.connect("kitchen/ana", project=ana.folder) as data:
        assert data.table("best_customers").to_arrow().num_rows == 2
    with galley.connect(pinned, project=ana.folder) as data:
        assert data.sql("SELECT count(*) FROM best_customers").fetchall() == before


def test_results_come_as_what_is_asked_for(ana: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ana.folder / "pipelines")
    monkeypatch.setenv("GALLEY_REF", "kitchen/ana")
    query = "SELECT day, quantity FROM shop.orders WHERE order_id = $id"
    with galley.connect() as data:
        found = data.sql(query, id=1)
        assert found.columns == ("day", "quantity")
        assert found.fetchall() == [(date(2024, 3, 1), 2)]
        assert found.to_arrow().num_rows == found.to_polars().height == 1
        assert "kitchen/ana@" in repr(data)


def test_a_client_says_what_is_wrong(ana: Shell, tmp_path: Path) -> None:
    assert "GALLEY_REF" not in os.environ
    with pytest.raises(RefNotFoundError):
        galley.connect("kitchen/nobody", project=ana.folder)
    with galley.connect("kitchen/ana", project=ana.folder) as data:
        with pytest.raises(TableNotFoundError, match="ordrs"):
            data.table("ordrs")
        with pytest.raises(UsageError, match="INSERT"):
            data.sql("INSERT INTO orders SELECT 1")
        with pytest.raises(UsageError, match=r"\$id"):
            data.sql("SELECT * FROM orders WHERE order_id = $id")
