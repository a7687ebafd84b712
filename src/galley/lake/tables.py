"""The lake's tables: a versioned map from table names to immutable versions.

Commits store deltas (``lake_entry``); a checkpoint lists a commit's whole tree by pointing at the
entries that make it up, so that looking a table up stays flat in depth.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, String, Table, Text

from galley.db.base import Instant, JsonText, metadata

commit = Table(
    "lake_commit",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("project", String(128), nullable=False),
    Column("parent", String(32)),
    Column("merged_from", String(32)),
    Column("tree_of", String(32)),
    Column("depth", Integer, nullable=False),
    Column("checkpointed", Boolean, nullable=False, default=False),
    Column("kind", String(16), nullable=False),
    Column("author", String(128), nullable=False),
    Column("on_behalf_of", String(128)),
    Column("code_version", String(64)),
    Column("run_id", String(32)),
    Column("message", Text, nullable=False),
    Column("created", Instant, nullable=False),
    Index(None, "project", "created"),
    Index(None, "run_id"),
)

entry = Table(
    "lake_entry",
    metadata,
    Column("commit_id", String(32), primary_key=True),
    Column("table_key", String(256), primary_key=True),
    Column("table_id", String(32), nullable=False),
    Column("format", String(16), nullable=False),
    Column("content_id", String(64)),
    Column("location", Text),
    Column("dropped", Boolean, nullable=False, default=False),
    Column("schema_fingerprint", String(64)),
    Column("version", JsonText),
    Index(None, "content_id"),
    Index(None, "table_id"),
)

checkpoint_entry = Table(
    "lake_checkpoint_entry",
    metadata,
    Column("commit_id", String(32), primary_key=True),
    Column("table_key", String(256), primary_key=True),
    Column("entry_commit", String(32), nullable=False),
)

window = Table(
    "lake_window",
    metadata,
    Column("commit_id", String(32), primary_key=True),
    Column("table_id", String(32), primary_key=True),
    Column("span_start", String(512), primary_key=True),
    Column("span_end", String(512), nullable=False),
    Column("key", String(64), nullable=False),
    Column("content_id", String(64), nullable=False),
    Column("files", JsonText, nullable=False),
    Column("code", String(64), nullable=False),
)
"""The window ledger's deltas. A row whose span_start is empty forgets all earlier rows."""

checkpoint_window = Table(
    "lake_checkpoint_window",
    metadata,
    Column("commit_id", String(32), primary_key=True),
    Column("table_id", String(32), primary_key=True),
    Column("span_start", String(512), primary_key=True),
    Column("window_commit", String(32), nullable=False),
)

ref = Table(
    "lake_ref",
    metadata,
    Column("project", String(128), primary_key=True),
    Column("name", String(256), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("head", String(32), nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("owner", String(128), nullable=False),
    Column("fork_point", String(32)),
    Column("fork_ref", String(256)),
    Column("expires_at", Instant),
    Column("protected", Boolean, nullable=False, default=False),
    Column("created", Instant, nullable=False),
    Column("code_version", String(64)),
    Index(None, "kind", "expires_at"),
)
"""``code_version`` is the project version that a kitchen was given to work with."""

ref_log = Table(
    "lake_ref_log",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("project", String(128), nullable=False),
    Column("name", String(256), nullable=False),
    Column("old", String(32)),
    Column("new", String(32)),
    Column("generation", BigInteger, nullable=False),
    Column("who", String(128), nullable=False),
    Column("why", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Index(None, "project", "name", "generation"),
)

withdrawn = Table(
    "lake_withdrawn",
    metadata,
    Column("project", String(128), primary_key=True),
    Column("content_id", String(64), primary_key=True),
    Column("commit_id", String(32), nullable=False),
    Column("by", String(128), nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", Instant, nullable=False),
)

pipeline_hold = Table(
    "lake_pipeline_hold",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("project", String(128), nullable=False),
    Column("ref", String(256), nullable=False),
    Column("pipeline", String(128), nullable=False),
    Column("code", String(64)),
    Column("commit_id", String(32)),
    Column("reason", Text, nullable=False),
    Column("by", String(128), nullable=False),
    Column("at", Instant, nullable=False),
    Column("released_at", Instant),
    Column("released_by", String(128)),
    Index(None, "project", "ref", "pipeline"),
)
"""Pipelines kept from publishing to a ref after a rollback, until released or changed."""

hold = Table(
    "lake_hold",
    metadata,
    Column("commit_id", String(32), primary_key=True),
    Column("holder", String(128), primary_key=True),
    Column("until", Instant),
)

condemned = Table(
    "lake_condemned",
    metadata,
    Column("project", String(128), primary_key=True),
    Column("location", Text, primary_key=True),
    Column("table_key", String(256), nullable=False),
    Column("table_id", String(32), nullable=False),
    Column("content_id", String(64), nullable=False),
    Column("since", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Column("by", String(128), nullable=False),
    Column("doomed", Instant),
    Column("removed", Instant),
    Index(None, "project", "table_key"),
    Index(None, "project", "until"),
)
"""Versions that no root reaches. Until they are ``doomed`` whoever roots one again takes its row
away; from then on it cannot be used any more, and its files go. ``removed`` ones have none left.
"""

writer = Table(
    "lake_writer",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("project", String(128), nullable=False),
    Column("by", String(128), nullable=False),
    Column("until", Instant, nullable=False),
)
"""Who writes files without being an attempt of a run. What bears its id stays until then."""

backup = Table(
    "lake_backup",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("by", String(128), nullable=False),
    Column("at", Instant, nullable=False),
    Column("until", Instant, nullable=False),
)
"""Backups under way. Until one's time is over no version is doomed."""

collection = Table(
    "lake_collection",
    metadata,
    Column("project", String(128), primary_key=True),
    Column("at", Instant, nullable=False),
    Column("folder", Text, nullable=False),
)
"""When a project was last collected, and the folder its sweep had come to."""

field_counter = Table(
    "lake_field_counter",
    metadata,
    Column("table_id", String(32), primary_key=True),
    Column("last", Integer, nullable=False),
)
"""The highest field id handed out per table; its row is the lock under which ids are given."""

field_id = Table(
    "lake_field_id",
    metadata,
    Column("table_id", String(32), primary_key=True),
    Column("parent", Integer, primary_key=True),
    Column("name", String(512), primary_key=True),
    Column("type", String(256), primary_key=True),
    Column("incarnation", Integer, primary_key=True),
    Column("id", Integer, nullable=False),
    Index(None, "table_id", "id", unique=True),
)
"""Field ids come from one counter per table, shared by all refs."""
