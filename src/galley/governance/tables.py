"""The tables of the audit trail and of identity."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text

from galley.db.base import Instant, JsonText, metadata

audit = Table(
    "audit_entry",
    metadata,
    Column(
        "id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    ),
    Column("at", Instant, nullable=False),
    Column("actor", String(128), nullable=False),
    Column("on_behalf_of", String(128)),
    Column("action", String(32), nullable=False),
    Column("project", String(128), nullable=False),
    Column("object_kind", String(16), nullable=False),
    Column("object", String(256), nullable=False),
    Column("rule", String(64), nullable=False),
    Column("reason", Text),
    Column("before", String(64)),
    Column("after", String(64)),
    Column("detail", JsonText),
    Index(None, "project", "object", "at"),
    Index(None, "actor", "at"),
)

user = Table(
    "identity_user",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("display", String(128), nullable=False, default=""),
    Column("mail", String(256)),
    Column("role", String(16), nullable=False),
    Column("password", Text),
    Column("created", Instant, nullable=False),
    Column("created_by", String(128), nullable=False),
    Column("disabled", Instant),
)
"""People. ``password`` is an Argon2id hash; without one nobody can log in as them."""

team = Table(
    "identity_team",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("created", Instant, nullable=False),
    Column("created_by", String(128), nullable=False),
)

member = Table(
    "identity_member",
    metadata,
    Column("team", String(64), primary_key=True),
    Column("user", String(64), primary_key=True),
    Index(None, "user"),
)

session = Table(
    "identity_session",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("user", String(64), nullable=False),
    Column("created", Instant, nullable=False),
    Column("expires", Instant, nullable=False),
    Column("seen", Instant, nullable=False),
    Column("address", String(64), nullable=False),
    Column("agent", String(256), nullable=False),
    Index(None, "user"),
    Index(None, "expires"),
)
"""Log-ins, by the digest of the cookie."""

access_token = Table(
    "identity_token",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("digest", String(64), nullable=False, unique=True),
    Column("name", String(128), nullable=False),
    Column("user", String(64), nullable=False),
    Column("role", String(16), nullable=False),
    Column("created", Instant, nullable=False),
    Column("expires", Instant, nullable=False),
    Column("used", Instant),
    Column("revoked", Instant),
    Index(None, "user"),
)
"""Tokens of machines and command lines, by digest; each ends."""

link = Table(
    "identity_link",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("user", String(64), nullable=False),
    Column("created", Instant, nullable=False),
    Column("created_by", String(128), nullable=False),
    Column("expires", Instant, nullable=False),
    Index(None, "user"),
)
"""One-time links with which a user chooses a password."""

refusal = Table(
    "identity_refusal",
    metadata,
    Column(
        "id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    ),
    Column("subject", String(160), nullable=False),
    Column("at", Instant, nullable=False),
    Index(None, "subject", "at"),
    Index(None, "at"),
)
"""Log-ins that failed, by name and by address: what slows a guesser down."""
