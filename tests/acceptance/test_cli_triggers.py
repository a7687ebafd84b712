"""Triggers from the first definition to an alert that is over, as a user sees it."""

from pathlib import Path

from tests.cli_cast import Shell, shop

YAML = """\
triggers:
  - cron: "0 6 * * *"
    timezone: Europe/Berlin
  - name: by_hand
    manual:
      best: {type: integer, min: 1, default: 4}
fresh_by: "07:00 Europe/Berlin"
alerts: "${operations}"
"""


def scheduled(folder: Path) -> Shell:
    ana = shop(folder)
    told = (ana.folder / "galley.yaml").read_text()
    ana.write(
        "galley.yaml",
        told + "secrets: {operations: env:OPERATIONS}\n",
    )
    ana.write("pipelines/shop/pipeline.yaml", YAML)
    return ana


def test_triggers_are_listed_paused_and_fired(tmp_path: Path) -> None:
    ana = scheduled(tmp_path)
    ana.galley("promote", "--yes")
    found = ana.galley("triggers", "--json").follows("triggers")
    assert [one["trigger"] for one in found["triggers"]] == ["shop.by_hand", "shop.cron"]
    assert found["not_active"] == []
    coming = ana.galley("triggers", "next", "--limit", "3", "--json").follows("trigger_next")
    assert len(coming["next"]) == 3
    paused = ana.galley("triggers", "pause", "cron", "--reason", "x", "--json").follows("trigger")
    assert (paused["trigger"]["paused_by"], paused["trigger"]["next"]) == ("ana", None)
    wrong = ana.galley("triggers", "fire", "by_hand", "--var", "best=0", expect=2).err
    assert "at least 1" in wrong
    run = ana.galley("triggers", "fire", "by_hand", "--var", "best=3", "--json").follows("run")
    assert (run["cause"], run["ref"], run["published"]) == ("trigger", "production", True)
    (fire,) = ana.galley("triggers", "fires", "--json").follows("trigger_fires")["fires"]
    assert (fire["run"], fire["run_state"], fire["actor"]) == (run["run"], "succeeded", "ana")
    assert ana.galley("alerts", "--json").follows("alerts")["alerts"] == []
