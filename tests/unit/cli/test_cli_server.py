"""A server opens the home as every other command does."""

from pathlib import Path

from tests.acceptance.inside import Inside


def test_a_server_finds_the_warehouse_of_its_project_and_later_of_its_home(tmp_path: Path) -> None:
    (project := tmp_path / "birds").mkdir()
    (project / "galley.yaml").write_text("name: birds\nwarehouse: ../tables\n")
    for made in (Inside(project).galley("server", "token"), Inside(project).galley("kitchen")):
        assert made.status == 0, made.err
    home = project / ".galley"
    assert (home / "warehouse.at").read_text().strip() == str(tmp_path / "tables")
    for folder in (tmp_path, project):
        again = Inside(folder).galley("server", "token", GALLEY_HOME=str(home))
        assert again.status == 0, again.err
    other = Inside(tmp_path).galley(
        "server", "token", GALLEY_HOME=str(home), GALLEY_WAREHOUSE="elsewhere"
    )
    assert "the tables of this home stand in" in other.err
