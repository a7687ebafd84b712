"""The run engine's tables."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    text,
)

from galley.db.base import Instant, JsonText, metadata

definition = Table(
    "run_definition",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("project", String(128), nullable=False),
    Column("body", Text, nullable=False),
    Column("git_commit", String(64)),
    Column("folder", Text, nullable=False),
    Column("archive", LargeBinary),
    Column("actor", String(128), nullable=False),
    Column("created", Instant, nullable=False),
    Column("dirty", JsonText),
    Column("registered", Instant),
    Column("registered_by", String(128)),
    Column("message", Text),
    Column("files", Integer),
    Column("steps", Integer),
    Index(None, "project", "registered", "id"),
)
"""Immutable manifests, each with its files as an archive; a run is pinned to one.

``created`` is when it was last put to use; ``dirty`` are the files that its commit does not have.
A deploy or a promotion has it ``registered``: from then on it is listed as a version.
"""

run = Table(
    "run",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("project", String(128), nullable=False),
    Column("pipeline", String(256), nullable=False),
    Column("ref", String(256), nullable=False),
    Column("state", String(16), nullable=False),
    Column("intention", String(16), nullable=False),
    Column("cause", String(16), nullable=False),
    Column("definition", String(64), nullable=False),
    Column("request", JsonText, nullable=False),
    Column("actor", String(128), nullable=False),
    Column("on_behalf_of", String(128)),
    Column("parent", String(32)),
    Column("base", String(32)),
    Column("generation", BigInteger),
    Column("pins", JsonText),
    Column("reason", String(32)),
    Column("message", Text),
    Column("commit_id", String(32)),
    Column("engine", String(64)),
    Column("lease_until", Instant),
    Column("host", String(256)),
    Column("origin", Text, nullable=False, default=""),
    Column("part", String(16)),
    Column("size", Integer, nullable=False, default=0),
    Column("created", Instant, nullable=False),
    Column("started", Instant),
    Column("finished", Instant),
    Index(None, "project", "created", "id"),
    Index(None, "project", "pipeline", "created", "id"),
    Index(None, "project", "ref", "created", "id"),
    Index(None, "project", "state", "created", "id"),
    Index(None, "project", "cause", "created", "id"),
    Index(None, "state"),
    Index(None, "parent", "state", "created"),
)
"""Runs. ``engine`` publishes it until ``lease_until``; ``origin`` is the home it was asked for in.
``part`` and ``size`` (in windows) are about backfills.
"""

OPEN = text("state IN ('queued', 'running', 'paused', 'publishing')")
"""Runs that have not ended; said so, they are found however many have."""

Index(
    "ix_run_open",
    run.c.project,
    run.c.pipeline,
    run.c.ref,
    sqlite_where=OPEN,
    postgresql_where=OPEN,
)

step_run = Table(
    "run_step",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("run_id", String(32), nullable=False),
    Column("name", String(256), nullable=False),
    Column("type", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("priority", Integer, nullable=False, default=0),
    Column("grouping", Text, nullable=False, default=""),
    Column("age", Instant, nullable=False, default=0),
    Column("position", Integer, nullable=False),
    Column("unmet", Integer, nullable=False),
    Column("epoch", Integer, nullable=False, default=0),
    Column("attempts", Integer, nullable=False, default=0),
    Column("losses", Integer, nullable=False, default=0),
    Column("owner", String(64)),
    Column("lease_until", Instant),
    Column("not_before", Instant),
    Column("reason", String(32)),
    Column("message", Text),
    Column("why", Text),
    Column("key", String(64)),
    Column("reused_from", String(32)),
    Column("rows", BigInteger),
    Column("bytes", BigInteger),
    Column("seconds", Float),
    Column("spans", JsonText),
    Column("detail", JsonText),
    Column("started", Instant),
    Column("finished", Instant),
    Index(None, "run_id", "name", unique=True),
    Index(None, "run_id", "state"),
    Index("ix_run_step_owner", "owner", "state"),
)

_LIVE = "state IN ('claimed', 'running', 'staged')"
Index(
    "ix_run_step_lease",
    step_run.c.lease_until,
    sqlite_where=text(_LIVE),
    postgresql_where=text(_LIVE),
)

# The queue: as long as it is, a claim looks only at its head.
Index(
    "ix_run_step_ready",
    step_run.c.grouping,
    step_run.c.priority.desc(),
    step_run.c.age,
    step_run.c.position,
    sqlite_where=step_run.c.state == "ready",
    postgresql_where=step_run.c.state == "ready",
)

limit = Table(
    "run_limit",
    metadata,
    Column("name", String(600), primary_key=True),
    Column("slots", Integer, nullable=False),
    Column("set_at", Instant, nullable=False),
)
"""How many steps may be at work at once under a name; claims count under a lock on these rows."""

attempt = Table(
    "run_attempt",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("step_run_id", String(32), nullable=False),
    Column("run_id", String(32), nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("owner", String(64), nullable=False),
    Column("base", String(32), nullable=False),
    Column("plan", JsonText, nullable=False),
    Column("contents", JsonText, nullable=False),
    Column("pid", Integer),
    Column("pid_started", BigInteger),
    Column("boot_id", String(64)),
    Column("started", Instant, nullable=False),
    Column("finished", Instant),
    Column("end", String(32)),
    Column("error", Text),
    Column("log", Text),
    Index(None, "step_run_id", "epoch", unique=True),
    Index(None, "run_id"),
)

session = Table(
    "run_worker_session",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("kind", String(16), nullable=False, default="engine"),
    Column("host", String(256), nullable=False),
    Column("boot_id", String(64)),
    Column("pid", Integer, nullable=False),
    Column("pid_started", BigInteger),
    Column("labels", JsonText),
    Column("capacity", Integer, nullable=False),
    Column("version", String(32), nullable=False),
    Column("lease", BigInteger, nullable=False),
    Column("started", Instant, nullable=False),
    Column("beat", Instant, nullable=False),
    Column("ended", Instant),
)
"""Whoever holds leases: engines, and workers of other hosts. ``lease`` is in microseconds."""

key = Table(
    "run_key",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("secret", String(128), nullable=False),
    Column("created", Instant, nullable=False),
)
"""What the tokens of workers are signed with, so that any controller knows them."""

join_token = Table(
    "run_join_token",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("actor", String(128), nullable=False),
    Column("created", Instant, nullable=False),
)
"""Digests of the tokens with which workers may join."""

event = Table(
    "run_event",
    metadata,
    Column(
        "id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    ),
    Column("run_id", String(32), nullable=False),
    Column("step", String(256)),
    Column("kind", String(32), nullable=False),
    Column("body", JsonText),
    Column("at", Instant, nullable=False),
    Index(None, "run_id", "id"),
    Index(None, "at"),
)
"""The outbox: written in the transaction of the change it tells of."""

request = Table(
    "run_request",
    metadata,
    Column("actor", String(128), primary_key=True),
    Column("key", String(128), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("status", Integer, nullable=False),
    Column("body", JsonText),
    Column("created", Instant, nullable=False),
    Index(None, "created"),
)
"""What was answered to requests with an idempotency key."""

result = Table(
    "run_result",
    metadata,
    Column("project", String(128), primary_key=True),
    Column("key", String(64), primary_key=True),
    Column("table_key", String(256), primary_key=True),
    Column("content_id", String(64), primary_key=True),
    Column("step", String(256), nullable=False),
    Column("run_id", String(32), nullable=False),
    Column("span_start", String(64)),
    Column("body", JsonText, nullable=False),
    Column("location", Text, nullable=False),
    Column("created", Instant, nullable=False),
    Index(None, "content_id"),
    Index(None, "project", "location"),
)
"""What can be reused: the version that a key produced, and where that is."""

verdict = Table(
    "run_verdict",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("project", String(128), nullable=False),
    Column("run_id", String(32), nullable=False),
    Column("step", String(256), nullable=False),
    Column("test", String(256), nullable=False),
    Column("key", String(64), nullable=False),
    Column("table_key", String(256), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("blocks", Boolean, nullable=False),
    Column("body", JsonText, nullable=False),
    Column("reused_from", String(32)),
    Column("at", Instant, nullable=False),
    Index(None, "project", "key"),
    Index(None, "run_id"),
    Index(None, "project", "table_key", "test", "at"),
)
"""Verdicts. The key binds a test to the exact contents it read (and the windows)."""

override = Table(
    "run_override",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("run_id", String(32), nullable=False),
    Column("test", String(256), nullable=False),
    Column("table_key", String(256), nullable=False),
    Column("key", String(64), nullable=False),
    Column("by", String(128), nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Index(None, "run_id"),
    Index(None, "table_key"),
)

metric = Table(
    "run_metric",
    metadata,
    Column(
        "id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    ),
    Column("project", String(128), nullable=False),
    Column("table_key", String(256), nullable=False),
    Column("column", String(256)),
    Column("name", String(64), nullable=False),
    Column("value", Float),
    Column("text", Text),
    Column("estimated", Boolean, nullable=False),
    Column("span_start", String(64)),
    Column("content_id", String(64), nullable=False),
    Column("run_id", String(32), nullable=False),
    Column("commit_id", String(32)),
    Column("at", Instant, nullable=False),
    Index(None, "project", "table_key", "id"),
    Index(None, "project", "table_key", "name", "column", "id"),
    Index(None, "run_id"),
)
