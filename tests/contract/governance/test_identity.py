"""Users, links, log-ins and tokens on both databases. Ana is admin, Ben engineer, Cleo viewer."""

import threading

import pytest
from sqlalchemy import Connection, func, select

from galley.db.engine import Database
from galley.errors import (
    ConflictError,
    NotFoundError,
    RefusedError,
    TooManyError,
    UnauthorizedError,
    UsageError,
)
from galley.governance import accounts, audit, logins, tokens
from galley.governance.identity import DAY, MINUTE
from galley.governance.model import Actor, Role
from galley.governance.tables import refusal, session

NOW = 1_700_000_000_000_000
OWNER = Actor("root")
ANA = Actor("ana", role=Role.ADMIN)
BEN = Actor("ben", role=Role.ENGINEER)
PASSWORD = "five words are easy to keep"


def cast(conn: Connection) -> None:
    """Ana, Ben and Cleo."""
    for name, role in (("ana", Role.ADMIN), ("ben", Role.ENGINEER), ("cleo", Role.VIEWER)):
        accounts.add_user(conn, name, role, by=OWNER, now=NOW)


def enter(conn: Connection, name: str, password: str, now: int = NOW) -> str | None:
    """Try to log in."""
    return logins.log_in(conn, name, password, address="10.0.0.7", agent="test", now=now)


def settled(conn: Connection, name: str) -> str:
    """A user with a password, logged in: the cookie."""
    link = accounts.new_link(conn, name, by=OWNER, now=NOW)
    accounts.follow_link(conn, link, PASSWORD, now=NOW)
    cookie = enter(conn, name, PASSWORD)
    assert cookie is not None
    return cookie


def test_a_user_chooses_a_password_and_logs_in(conn: Connection) -> None:
    cast(conn)
    assert not accounts.find_user(conn, "ben").active
    login = logins.login_of(conn, settled(conn, "ben"), NOW)
    assert login is not None
    assert (login.user, login.role) == ("ben", Role.ENGINEER)
    assert accounts.find_user(conn, "ben").active


def test_a_link_is_used_once_and_ends(conn: Connection) -> None:
    cast(conn)
    first = accounts.new_link(conn, "ben", by=OWNER, now=NOW)
    second = accounts.new_link(conn, "ben", by=OWNER, now=NOW)
    for secret, at in ((first, NOW), (second, NOW + accounts.LINK_LIFETIME)):
        with pytest.raises(UnauthorizedError, match="used already"):
            accounts.follow_link(conn, secret, PASSWORD, now=at)
    with pytest.raises(UsageError, match="12 to"):
        accounts.follow_link(conn, second, "short", now=NOW)
    accounts.follow_link(conn, second, PASSWORD, now=NOW)
    with pytest.raises(UnauthorizedError):
        accounts.follow_link(conn, second, PASSWORD, now=NOW)


def test_wrong_names_and_passwords_are_told_apart_by_nobody(conn: Connection) -> None:
    cast(conn)
    settled(conn, "ben")
    assert enter(conn, "ben", "not that one") is None
    assert enter(conn, "cleo", PASSWORD) is None
    assert enter(conn, "nobody-here", PASSWORD) is None


def test_a_guesser_waits_longer_and_longer(conn: Connection) -> None:
    cast(conn)
    settled(conn, "ben")
    now = NOW
    for _ in range(logins.FREE):
        assert enter(conn, "ben", "guess", now) is None
    with pytest.raises(TooManyError) as told:
        enter(conn, "ben", PASSWORD, now)
    assert told.value.details == {"retry_after": 1}
    now += logins.SECOND
    assert enter(conn, "ben", "guess", now) is None
    with pytest.raises(TooManyError) as told:
        enter(conn, "ben", PASSWORD, now)
    assert told.value.details == {"retry_after": 2}
    assert enter(conn, "ben", PASSWORD, now + 2 * logins.SECOND) is not None
    assert logins.wait_of(conn, "user:ben", now) == 0


def test_many_names_from_one_address_wait_too(conn: Connection) -> None:
    for number in range(logins.FREE_OF_ADDRESS):
        assert enter(conn, f"name{number}", "guess") is None
    with pytest.raises(TooManyError):
        enter(conn, "another", "guess")
    enter(conn, "another", "guess", NOW + logins.MEMORY + MINUTE)
    kept = conn.execute(select(func.count()).select_from(refusal)).scalar_one()
    assert kept == 2


def test_sessions_end_by_age_by_rest_and_by_hand(conn: Connection) -> None:
    cast(conn)
    cookie = settled(conn, "ben")
    assert logins.login_of(conn, cookie, NOW + logins.IDLE) is None
    login = logins.login_of(conn, cookie, NOW + logins.IDLE - 1)
    assert login is not None
    assert logins.is_stale(login, NOW + MINUTE)
    logins.touch(conn, login, NOW + logins.LIFETIME - 1)
    assert logins.login_of(conn, cookie, NOW + logins.LIFETIME - 1) is not None
    assert logins.login_of(conn, cookie, NOW + logins.LIFETIME) is None
    with pytest.raises(NotFoundError):
        logins.end(conn, "cleo", login.id)
    logins.end(conn, "ben", login.id)
    assert logins.logins(conn, "ben", NOW) == ()


def test_who_is_shut_out_has_nothing_left(conn: Connection) -> None:
    cast(conn)
    cookie = settled(conn, "ben")
    _, secret = tokens.new_token(conn, "ben", "laptop", Role.ENGINEER, 30, by=BEN, now=NOW)
    link = accounts.new_link(conn, "ben", by=ANA, now=NOW)
    accounts.change_user(conn, "ben", by=ANA, now=NOW, disabled=True)
    assert logins.login_of(conn, cookie, NOW) is None
    assert tokens.token_of(conn, secret, NOW) is None
    assert enter(conn, "ben", PASSWORD) is None
    with pytest.raises(UnauthorizedError):
        accounts.follow_link(conn, link, PASSWORD, now=NOW)
    accounts.change_user(conn, "ben", by=ANA, now=NOW, disabled=False)
    assert tokens.token_of(conn, secret, NOW) is None
    assert enter(conn, "ben", PASSWORD) is not None


def test_only_admins_manage_users(conn: Connection) -> None:
    cast(conn)
    with pytest.raises(RefusedError, match="may not manage"):
        accounts.add_user(conn, "dora", Role.VIEWER, by=BEN, now=NOW)
    with pytest.raises(RefusedError):
        accounts.new_link(conn, "ana", by=BEN, now=NOW)
    with pytest.raises(RefusedError):
        accounts.set_team(conn, "flights", ("ben",), by=BEN, now=NOW)


def test_the_last_admin_stays(conn: Connection) -> None:
    cast(conn)
    for changed in ({"disabled": True}, {"role": Role.VIEWER}):
        with pytest.raises(ConflictError, match="last admin"), conn.begin_nested():
            accounts.change_user(conn, "ana", by=ANA, now=NOW, **changed)
    accounts.change_user(conn, "ben", by=ANA, now=NOW, role=Role.ADMIN)
    assert accounts.change_user(conn, "ana", by=ANA, now=NOW, role=Role.VIEWER).role is Role.VIEWER


def test_two_admins_cannot_shut_each_other_out_at_once(database: Database) -> None:
    with database.write() as conn:
        cast(conn)
        accounts.change_user(conn, "ben", by=OWNER, now=NOW, role=Role.ADMIN)
    barrier, failed = threading.Barrier(2), []

    def shut_out(name: str, by: str) -> None:
        barrier.wait()
        try:
            with database.write() as conn:
                actor = Actor(by, role=Role.ADMIN)
                accounts.change_user(conn, name, by=actor, now=NOW, disabled=True)
        except ConflictError:
            failed.append(name)

    threads = [
        threading.Thread(target=shut_out, args=pair) for pair in (("ana", "ben"), ("ben", "ana"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(failed) == 1


def test_names_and_roles_that_cannot_be(conn: Connection) -> None:
    cast(conn)
    for name in ("", "Ana", "../x", "a b", "x" * 65, "ana'; --"):
        with pytest.raises(UsageError, match="no name for"):
            accounts.add_user(conn, name, Role.VIEWER, by=ANA, now=NOW)
    with pytest.raises(ConflictError, match="already"):
        accounts.add_user(conn, "ben", Role.VIEWER, by=ANA, now=NOW)
    with pytest.raises(NotFoundError, match="no user benn") as told:
        accounts.find_user(conn, "benn")
    assert told.value.hint == "did you mean ben?"


def test_a_token_may_no_more_than_its_user(conn: Connection) -> None:
    cast(conn)
    with pytest.raises(RefusedError, match="cannot give away"):
        tokens.new_token(conn, "ben", "robot", Role.ADMIN, 30, by=BEN, now=NOW)
    with pytest.raises(RefusedError):
        tokens.new_token(conn, "ben", "robot", Role.WORKER, 30, by=BEN, now=NOW)
    _, secret = tokens.new_token(conn, "ben", "robot", Role.ENGINEER, 30, by=BEN, now=NOW)
    found = tokens.token_of(conn, secret, NOW)
    assert found is not None
    assert found[1] is Role.ENGINEER
    accounts.change_user(conn, "ben", by=ANA, now=NOW, role=Role.VIEWER)
    found = tokens.token_of(conn, secret, NOW)
    assert found is not None
    assert found[1] is Role.VIEWER


def test_tokens_end_and_are_revoked(conn: Connection) -> None:
    cast(conn)
    made, secret = tokens.new_token(conn, "ben", "robot", Role.VIEWER, 1, by=BEN, now=NOW)
    assert tokens.is_stale(made, NOW)
    tokens.touch(conn, made, NOW)
    assert tokens.tokens(conn, "ben")[0].used == NOW
    assert tokens.token_of(conn, secret, NOW + DAY) is None
    with pytest.raises(NotFoundError):
        tokens.revoke(conn, made.id, by=Actor("cleo", role=Role.VIEWER), now=NOW)
    assert tokens.revoke(conn, made.id, by=ANA, now=NOW).revoked == NOW
    assert tokens.token_of(conn, secret, NOW) is None
    for days in (0, 367):
        with pytest.raises(UsageError, match="days"):
            tokens.new_token(conn, "ben", "robot", Role.VIEWER, days, by=BEN, now=NOW)


def test_what_was_done_is_written_down_and_no_secret_is(conn: Connection) -> None:
    cast(conn)
    cookie = settled(conn, "ben")
    _, secret = tokens.new_token(conn, "ben", "robot", Role.VIEWER, 1, by=BEN, now=NOW)
    told = audit.entries(conn, "")
    assert {one["reason"] for one in told} == {
        "user added",
        "link made",
        "password chosen",
        "logged in",
        "token made",
    }
    kept = str([tuple(row) for row in conn.execute(select(session))]) + str(told)
    assert cookie not in kept
    assert secret not in kept


def test_teams(conn: Connection) -> None:
    cast(conn)
    accounts.set_team(conn, "flights", ("cleo", "ben"), by=ANA, now=NOW)
    accounts.set_team(conn, "flights", ("ben",), by=ANA, now=NOW)
    accounts.set_team(conn, "empty", (), by=ANA, now=NOW)
    assert accounts.teams(conn) == {"empty": (), "flights": ("ben",)}
    assert accounts.find_user(conn, "ben").teams == ("flights",)
    with pytest.raises(NotFoundError):
        accounts.set_team(conn, "flights", ("bob",), by=ANA, now=NOW)
