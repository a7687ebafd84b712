"""The outbox of messages to people."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Integer, String, Table, Text

from galley.db.base import Instant, JsonText, metadata

message = Table(
    "notify_message",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("project", String(128), nullable=False),
    Column("about", String(32), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("recipient", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("sources", JsonText),
    Column("folder", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("uncertain", Boolean, nullable=False),
    Column("due", Instant),
    Column("owner", String(32)),
    Column("error", Text),
    Column("created", Instant, nullable=False),
    Column("sent", Instant),
    Index(None, "due"),
    Index(None, "about"),
    Index(None, "project", "created"),
)
"""``recipient`` holds ``${secret}`` place-holders unresolved, ``sources`` says where their values
are. While a message is being sent ``due`` is when its sender is given up; one that was begun and
whose end nobody knows is ``uncertain``: it may have arrived.
"""
