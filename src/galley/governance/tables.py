"""The audit trail's table."""

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
