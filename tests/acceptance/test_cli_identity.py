"""Users, teams and tokens from the command line of whoever owns the home."""

from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.inside import Inside, write
from tests.cli_cast import validate


@pytest.fixture
def ana(tmp_path: Path) -> Inside:
    """The owner of a home in which nobody is known yet."""
    return Inside(write(tmp_path, {}))


def asked(ana: Inside, schema: str, *arguments: str) -> Any:
    """A command's answer, which must follow its schema."""
    ran = ana.galley(*arguments, "--json")
    assert ran.status == 0, ran.err
    validate(ran.json, schema)
    return ran.json


def test_users_come_change_and_are_shut_out(ana: Inside) -> None:
    made = asked(ana, "user_link", "users", "add", "ben", "--role", "engineer")
    assert (made["state"], made["link"][:4]) == ("invited", "gwl_")
    again = asked(ana, "user_link", "users", "link", "ben")
    assert again["link"] != made["link"]
    assert asked(ana, "user", "users", "role", "ben", "operator")["role"] == "operator"
    assert asked(ana, "user", "users", "disable", "ben")["state"] == "disabled"
    assert asked(ana, "user", "users", "enable", "ben")["state"] == "invited"
    assert asked(ana, "team", "teams", "set", "flights", "ben")["members"] == ["ben"]
    assert asked(ana, "teams", "teams")["teams"] == [{"team": "flights", "members": ["ben"]}]
    assert asked(ana, "users", "users")["users"][0]["teams"] == ["flights"]


def test_tokens_are_shown_once_and_revoked(ana: Inside) -> None:
    made = asked(ana, "token_new", "tokens", "new", "deploys", "--role", "engineer")
    listed = asked(ana, "tokens", "tokens")["tokens"]
    assert [one["token"] for one in listed] == [made["token"]]
    assert made["secret"] not in str(listed)
    assert asked(ana, "token", "tokens", "revoke", made["token"])["state"] == "revoked"


def test_people_read_words(ana: Inside) -> None:
    told = ana.galley("users", "add", "ben")
    assert told.out.startswith("gwl_")
    assert "ben opens SERVER/welcome#gwl_" in told.err
    assert "ben" in ana.galley("users").out
    assert "✓ ben: admin, invited" in ana.galley("users", "role", "ben", "admin").out
    assert "✓ flights: nobody" in ana.galley("teams", "set", "flights").out
    assert "flights" in ana.galley("teams").out
    assert ana.galley("tokens", "new", "robot").out.startswith("gat_")
    assert "robot" in ana.galley("tokens").out


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["users", "role", "bem", "admin"], "there is no user bem"),
        (["users", "add", "A B"], "'A B' is no name for a user"),
        (["users", "add", "ben", "--role", "king"], "'king' is no role"),
        (["teams", "set", "flights", "bem"], "there is no user bem"),
        (["tokens", "new", "robot", "--user", "bem"], "there is no user bem"),
        (["tokens", "revoke", "x"], "there is no token x"),
    ],
)
def test_wrong_names(ana: Inside, command: list[str], said: str) -> None:
    ran = ana.galley(*command)
    assert ran.status == 2
    assert said in ran.err
