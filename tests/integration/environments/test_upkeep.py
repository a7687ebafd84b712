"""What a server does once a day, and only then."""

from dataclasses import replace
from pathlib import Path

from galley import bootstrap
from galley.environments.upkeep import daily_round
from tests.cli_cast import shop

DAY = 24 * 3600 * 1_000_000


def test_a_servers_round_is_due_once_a_day_in_each_project_that_ran(tmp_path: Path) -> None:
    shell = shop(tmp_path)
    home = bootstrap.open_home(shell.folder / ".galley")
    assert daily_round(home) == {}, "nothing ran: nobody has said what is kept"
    shell.galley("run")
    assert daily_round(home) == {}, "the command has had its turn"
    tomorrow = replace(home, clock=lambda: home.clock() + DAY + 1)
    done = daily_round(tomorrow)
    assert list(done) == ["shop"]
    assert done["shop"].problems == ()
    assert daily_round(tomorrow) == {}
    home.database.close()
