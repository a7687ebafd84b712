"""The tables of what runs by itself: triggers, their fires, promises and alerts."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Integer, String, Table, Text

from galley.db.base import Instant, JsonText, metadata

trigger = Table(
    "run_trigger",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("project", String(128), nullable=False),
    Column("environment", String(256), nullable=False),
    Column("pipeline", String(256), nullable=False),
    Column("name", String(512), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("spec", JsonText, nullable=False),
    Column("definition", String(64), nullable=False),
    Column("code", String(64), nullable=False),
    Column("request", JsonText, nullable=False),
    Column("problem", Text),
    Column("active", Boolean, nullable=False),
    Column("paused", Boolean, nullable=False),
    Column("told_by", String(128)),
    Column("told_at", Instant),
    Column("anchor", Instant, nullable=False),
    Column("seen", Instant, nullable=False),
    Column("due", Instant),
    Column("state", JsonText, nullable=False),
    Column("last_fire", Instant),
    Column("last_run", String(32)),
    Index(None, "due"),
    Index(None, "project", "environment", "pipeline"),
)
"""Triggers of activated versions. ``due`` is when to look next; NULL where that is never: paused,
not active, or fired by something else than the clock. ``seen`` never goes back. ``state`` is what
those remember that are fired by a change.
"""

fire = Table(
    "run_fire",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("trigger_id", String(32), nullable=False),
    Column("key", String(128), nullable=False),
    Column("at", Instant, nullable=False),
    Column("project", String(128), nullable=False),
    Column("environment", String(256), nullable=False),
    Column("name", String(512), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("reason", Text),
    Column("times", Integer, nullable=False),
    Column("cause", JsonText),
    Column("actor", String(128), nullable=False),
    Column("run_id", String(32)),
    Column("start_by", Instant),
    Column("created", Instant, nullable=False),
    Index(None, "trigger_id", "key", unique=True),
    Index(None, "project", "created"),
    Index(None, "start_by"),
    Index(None, "run_id"),
)
"""Fires, each once: the key of one that the clock made is its nominal time. A row is written in the
transaction that creates its run. ``start_by`` is until when that run must have begun.
"""

ended = Table(
    "run_ended",
    metadata,
    Column("run_id", String(32), primary_key=True),
    Column("at", Instant, nullable=False),
)
"""Runs of environments that have ended and that the scheduler has not looked at."""

watch = Table(
    "run_watch",
    metadata,
    Column("project", String(128), primary_key=True),
    Column("environment", String(256), primary_key=True),
    Column("head", String(32), nullable=False),
    Column("definition", String(64)),
)
"""Up to where the scheduler has looked at an environment."""

schedule = Table(
    "run_schedule",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("project", String(128), nullable=False),
    Column("environment", String(256), nullable=False),
    Column("pipeline", String(256), nullable=False),
    Column("definition", String(64), nullable=False),
    Column("promise", JsonText),
    Column("due", Instant),
    Column("alerts", JsonText),
    Column("secrets", JsonText),
    Column("folder", Text),
    Index(None, "due"),
    Index(None, "project", "environment"),
)
"""What the pipelines of activated versions promise, until when, and who is told."""

alert = Table(
    "run_alert",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("project", String(128), nullable=False),
    Column("environment", String(256), nullable=False),
    Column("pipeline", String(256), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("cause", String(64), nullable=False),
    Column("open_key", String(64)),
    Column("message", Text, nullable=False),
    Column("times", Integer, nullable=False),
    Column("run_id", String(32)),
    Column("opened", Instant, nullable=False),
    Column("last", Instant, nullable=False),
    Column("closed", Instant),
    Column("told", Instant),
    Column("told_as", String(16)),
    Column("tell", Instant),
    Index(None, "open_key", unique=True),
    Index(None, "cause", "closed"),
    Index(None, "project", "opened"),
    Index(None, "tell"),
)
"""One row for each cause. ``open_key`` is the cause while it lasts, so that it is open once.
``tell`` is when somebody is to be told next, ``told_as`` what they were told last.
"""
