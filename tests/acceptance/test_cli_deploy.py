"""Versions by hand: deployed to a kitchen, listed, promoted by their id."""

from pathlib import Path

from tests.cli_cast import shop


def test_a_version_is_deployed_listed_and_promoted(tmp_path: Path) -> None:
    ana = shop(tmp_path)
    first = ana.galley("deploy", "--message", "the first", "--json").follows("deploy")
    assert (first["new"], first["ref"], first["before"]) == (True, "kitchen/ana", None)
    ana.galley("run", "--json")
    orders = ana.folder / "pipelines" / "shop" / "orders.sql"
    orders.write_text(orders.read_text().replace("quantity > 0", "quantity > 1"))
    second = ana.galley("deploy", "--in", "kitchen/try", "--json").follows("deploy")
    listed = ana.galley("versions", "--json").follows("versions")["versions"]
    assert [one["version"] for one in listed] == [second["version"], first["version"]]
    assert listed[0]["deployed_in"] == ["kitchen/try"]

    orders.write_text("no SQL")
    promoted = ana.galley("promote", "--version", first["short"], "--yes", "--json").json
    assert promoted["state"] == "succeeded"
    shown = ana.galley(
        "versions", "show", second["short"], "--against", "production", "--json"
    ).follows("version")
    assert shown["changes"]["against"] == first["version"]
    assert {"step": "orders", "change": "changed"} in shown["changes"]["steps"]
    where = ana.galley("versions").out
    assert "active in production, kitchen/ana" in where
    assert "the first" in where


def test_an_environment_is_not_deployed_to(tmp_path: Path) -> None:
    refused = shop(tmp_path).galley("deploy", "--in", "production", expect=3)
    assert "only a promotion activates a version" in refused.err
