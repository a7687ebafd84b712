"""New projects and new sources."""

from pathlib import Path

import pytest

from galley.errors import DefinitionError, GalleyError, NotFoundError, UsageError
from galley.project.compile import compile_project
from galley.project.find import find_project, lake_setting
from galley.project.scaffold import add_source, init_project


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    init_project(tmp_path / "shop", "shop")
    return tmp_path / "shop"


def test_a_new_project_compiles_without_a_warning(shop: Path) -> None:
    manifest = compile_project(shop)
    assert manifest.pipelines["shop"].steps == ("raw_orders", "orders", "best_customers")
    assert all(step.tests for step in manifest.steps.values())
    assert manifest.warnings == ()
    assert find_project(shop / "pipelines" / "shop") == shop


def test_nothing_is_overwritten(shop: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a project already"):
        init_project(shop, "shop")
    (tmp_path / "README.md").write_text("mine")
    with pytest.raises(UsageError, match=r"already holds README\.md; nothing was written"):
        init_project(tmp_path, "other")
    assert not (tmp_path / "galley.yaml").exists()


@pytest.mark.parametrize("name", ["my shop", "order", "../x", "été", "1st", ""])
def test_a_bad_name_is_refused_with_a_better_one(tmp_path: Path, name: str) -> None:
    with pytest.raises(DefinitionError, match="a valid name: '"):
        init_project(tmp_path / "new", name)
    assert not (tmp_path / "new").exists()


def test_a_file_becomes_a_load_step(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "Weather 2024.csv").write_text("a\n1\n")
    path = add_source(shop, None, str(tmp_path / "Weather 2024.csv"), None)
    assert path == shop / "pipelines" / "shop" / "weather_2024.yaml"
    load = compile_project(shop).steps["weather_2024"].load
    assert load is not None
    assert (load.format, load.path) == ("csv", str(tmp_path / "Weather 2024.csv"))
    inside = add_source(shop, "shop", str(shop / "data" / "orders.csv"), "again")
    assert "path: data/orders.csv\n" in inside.read_text()


def test_a_folder_and_a_pattern_become_one_table(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "days").mkdir()
    (tmp_path / "days" / "day-1.json").write_text("{}")
    first = add_source(shop, None, str(tmp_path / "days"), None)
    second = add_source(shop, None, str(tmp_path / "days" / "day-*.json"), None)
    assert (first.name, second.name) == ("days.yaml", "day.yaml")
    load = compile_project(shop).steps["day"].load
    assert load is not None
    assert load.path == str(tmp_path / "days" / "day-*.json")


@pytest.mark.parametrize("secrets", ["", "\nsecrets:\n  OTHER: env:OTHER\n"])
def test_a_password_is_never_written(shop: Path, secrets: str) -> None:
    with (shop / "galley.yaml").open("a") as file:
        file.write(secrets)
    path = add_source(shop, None, "postgres://ana:s3cr%40t@db:5432/sales/public.People", None)
    assert not any("s3cr" in one.read_text() for one in shop.rglob("*.yaml") if one.is_file())
    manifest = compile_project(shop)
    step = manifest.steps[path.stem]
    assert step.load is not None
    assert step.load.url == "postgres://ana:${PEOPLE_PASSWORD}@db:5432/sales"
    assert step.load.table == "public.People"
    assert step.secrets == ("PEOPLE_PASSWORD",)
    assert manifest.secrets["PEOPLE_PASSWORD"] == "env:PEOPLE_PASSWORD"


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("missing.csv", NotFoundError),
        ("mysql://h/db/t", UsageError),
        ("postgres://h/db", UsageError),
        ("nothing-*.csv", NotFoundError),
    ],
)
def test_a_source_that_is_none_is_refused(
    shop: Path, source: str, error: type[GalleyError]
) -> None:
    before = sorted(shop.rglob("*"))
    with pytest.raises(error):
        add_source(shop, None, source, None)
    assert sorted(shop.rglob("*")) == before


def test_the_pipeline_must_be_clear(shop: Path) -> None:
    source = str(shop / "data" / "orders.csv")
    with pytest.raises(UsageError, match="did you mean 'shop'"):
        add_source(shop, "shpo", source, "more")
    (shop / "pipelines" / "second").mkdir()
    with pytest.raises(UsageError, match="several pipelines"):
        add_source(shop, None, source, "more")
    with pytest.raises(UsageError, match="has a step 'orders' already"):
        add_source(shop, "shop", source, None)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("lake: ../lake  # there", "../lake"),
        ("lake: 's3://a b/c'", "s3://a b/c"),
        ("  lake: x", None),
        ("lake:", None),
    ],
)
def test_the_lake_is_found_without_reading_the_rest(
    tmp_path: Path, line: str, value: str | None
) -> None:
    (tmp_path / "galley.yaml").write_text(f"name: x\n{line}\n")
    assert lake_setting(tmp_path) == value
