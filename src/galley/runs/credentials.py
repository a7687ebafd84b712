"""What workers show: the key their tokens are signed with, and the tokens with which they join."""

from __future__ import annotations

import hashlib
import secrets

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from galley.runs.tables import join_token, key

_KEY = "execution"


def signing_key(connection: Connection, now: int) -> bytes:
    """The key of all controllers of this database, made at first use."""
    wanted = select(key.c.secret).where(key.c.id == _KEY)
    found = connection.execute(wanted).scalar()
    if found is None:
        new = {"id": _KEY, "secret": secrets.token_hex(32), "created": now}
        try:
            with connection.begin_nested():
                connection.execute(insert(key), new)
        except IntegrityError:
            # Another controller started at the same moment.
            pass
        found = connection.execute(wanted).scalar_one()
    return bytes.fromhex(found)


def new_join_token(connection: Connection, actor: str, now: int) -> str:
    """A token with which workers may join. Only its digest is kept: it cannot be shown again."""
    token = f"gwt_{secrets.token_urlsafe(32)}"
    connection.execute(
        insert(join_token), {"hash": digest_of(token), "actor": actor, "created": now}
    )
    return token


def may_join(connection: Connection, token: str) -> bool:
    """Whether workers may join with the token."""
    wanted = select(join_token.c.hash).where(join_token.c.hash == digest_of(token))
    return connection.execute(wanted).first() is not None


def any_join_token(connection: Connection) -> bool:
    """Whether there is a token to join with at all."""
    return connection.execute(select(join_token.c.hash).limit(1)).first() is not None


def digest_of(token: str) -> str:
    """What is kept of a token: with 256 random bits it needs no salt."""
    return hashlib.sha256(token.encode()).hexdigest()
