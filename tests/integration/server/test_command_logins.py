"""Logging in from the command line: Ana is admin, Cleo viewer, and the server asks who calls."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pytest

from galley.cli import contexts
from galley.environments.home import Home
from galley.governance import accounts, tokens
from galley.governance.identity import DAY
from galley.governance.model import Actor, Role
from tests.acceptance.inside import Inside
from tests.api_cast import answering, home_at
from tests.cli_cast import Ran, validate

PASSWORD = "five words are easy to keep"
CAST = {"ana": Role.ADMIN, "cleo": Role.VIEWER}


@dataclass
class Desk:
    """Somebody's machine, and a server that is known there as ``team``."""

    home: Home
    inside: Inside
    patch: pytest.MonkeyPatch
    said: str = ""

    def galley(self, *arguments: str, typed: str = "") -> Ran:
        """A command; ``typed`` is what stands in stdin. No secret is ever shown."""
        self.patch.setattr(sys, "stdin", StringIO(typed))
        ran = self.inside.galley("--context", "team", *arguments)
        self.said += ran.out + ran.err
        return ran

    def token(self) -> str:
        """What the machine shows."""
        return contexts.read().known["team"].token or ""


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A machine with a project's folder, and a server elsewhere where nothing ran yet."""
    home = home_at(tmp_path / "home")
    with home.database.write() as connection:
        for name, role in CAST.items():
            owner, now = Actor("root"), home.clock()
            accounts.add_user(connection, name, role, by=owner, now=now)
        link = accounts.new_link(connection, "cleo", by=owner, now=now)
        accounts.follow_link(connection, link, PASSWORD, now=now)
    folder = tmp_path / "machine"
    folder.mkdir()
    (folder / "galley.yaml").write_text("name: shop\n")
    monkeypatch.setenv("GALLEY_CONTEXTS", str(tmp_path / "contexts.json"))
    with answering(home, identity=True) as client:
        found = Desk(home, Inside(folder), monkeypatch)
        assert found.galley("context", "add", "team", str(client.base_url)).status == 0
        yield found
        secret = found.token()
        assert PASSWORD not in found.said
        assert not secret or secret not in found.said
    home.database.close()


def test_a_password_becomes_a_token_that_ends(desk: Desk) -> None:
    refused = desk.galley("users")
    assert (refused.status, "galley login team" in refused.err) == (3, True)
    wrong = desk.galley("login", "--user", "cleo", typed="nonsense\n")
    assert (wrong.status, desk.token()) == (3, "")
    done = desk.galley("login", "--user", "cleo", "--days", "2", "--json", typed=f"{PASSWORD}\n")
    validate(done.json, "login")
    assert (done.json["user"], done.json["role"]) == ("cleo", "viewer")
    (made,) = desk.galley("tokens", "--json").json["tokens"]
    assert made["name"].startswith("galley login on ")
    assert made["role"] == "viewer"
    with desk.home.database.read() as connection:
        (kept,) = tokens.tokens(connection)
        assert kept.expires - kept.created == 2 * DAY
    narrow = desk.galley("users", "add", "ben")
    assert (narrow.status, "it takes the role" in narrow.err) == (3, True)
    ended = desk.galley("logout", "--json")
    assert (ended.json, desk.token()) == ({"context": "team", "ended": True}, "")
    with desk.home.database.read() as connection:
        assert tokens.tokens(connection)[0].revoked is not None


def test_a_token_from_a_file_or_stdin(desk: Desk, tmp_path: Path) -> None:
    with desk.home.database.write() as connection:
        by, now = Actor("ana", role=Role.ADMIN), desk.home.clock()
        made, secret = tokens.new_token(connection, "ana", "ci", Role.ENGINEER, 1, by=by, now=now)
    file = tmp_path / "token"
    file.write_text(f"{secret}\n")
    assert desk.galley("login", "--token-file", str(file)).status == 0
    assert desk.galley("login", "--token-file", "-", typed=secret).status == 0
    assert desk.token() == secret
    assert desk.galley("kitchen", "--project", "nosuch").status == 2
    with desk.home.database.write() as connection:
        tokens.revoke(connection, made.id, by=by, now=now)
    over = desk.galley("users")
    assert over.status == 3
    assert "it has ended" in over.err
    assert "hint: galley login team" in over.err
    for typed, said in (("", "holds no token"), ("a b", "holds no token"), (secret, "has ended")):
        again = desk.galley("login", "--token-file", "-", typed=typed)
        assert again.status in (2, 3)
        assert said in again.err


def test_a_server_that_is_gone_says_so_in_a_sentence(desk: Desk) -> None:
    desk.galley("context", "add", "gone", "http://127.0.0.1:1")
    ran = desk.inside.galley("--context", "gone", "runs", "--json")
    assert ran.status == 5
    assert ran.json["error"]["message"].startswith("nobody answers at http://127.0.0.1:1")
