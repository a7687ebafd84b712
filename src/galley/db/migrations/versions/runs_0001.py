"""The first tables of the runs domain."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "runs_0001"
down_revision = None
branch_labels = ("runs",)
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    _create_run()
    _create_run_alert()
    _create_run_attempt()
    _create_run_definition()
    _create_run_ended()
    _create_run_event()
    _create_run_fire()
    _create_run_join_token()
    _create_run_key()
    _create_run_limit()
    _create_run_metric()
    _create_run_override()
    _create_run_request()
    _create_run_result()
    _create_run_schedule()
    _create_run_step()
    _create_run_trigger()
    _create_run_verdict()
    _create_run_watch()
    _create_run_worker_session()


def _create_run() -> None:
    op.create_table(
        "run",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("project", sa.String(length=128), nullable=False),
        sa.Column("pipeline", sa.String(length=256), nullable=False),
        sa.Column("ref", sa.String(length=256), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("intention", sa.String(length=16), nullable=False),
        sa.Column("cause", sa.String(length=16), nullable=False),
        sa.Column("definition", sa.String(length=64), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(length=128), nullable=False),
        sa.Column("on_behalf_of", sa.String(length=128), nullable=True),
        sa.Column("parent", sa.String(length=32), nullable=True),
        sa.Column("base", sa.String(length=32), nullable=True),
        sa.Column("generation", sa.BigInteger(), nullable=True),
        sa.Column("pins", sa.Text(), nullable=True),
        sa.Column("reason", sa.String(length=32), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("commit_id", sa.String(length=32), nullable=True),
        sa.Column("engine", sa.String(length=64), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("host", sa.String(length=256), nullable=True),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("part", sa.String(length=16), nullable=True),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("started", sa.BigInteger(), nullable=True),
        sa.Column("finished", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run")),
    )
    op.create_index(
        "ix_run_open",
        "run",
        ["project", "pipeline", "ref"],
        unique=False,
        sqlite_where=sa.text("state IN ('queued', 'running', 'paused', 'publishing')"),
        postgresql_where=sa.text("state IN ('queued', 'running', 'paused', 'publishing')"),
    )
    op.create_index(
        op.f("ix_run_parent_state_created"), "run", ["parent", "state", "created"], unique=False
    )
    op.create_index(
        op.f("ix_run_project_cause_created_id"),
        "run",
        ["project", "cause", "created", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_run_project_created_id"), "run", ["project", "created", "id"], unique=False
    )
    op.create_index(
        op.f("ix_run_project_pipeline_created_id"),
        "run",
        ["project", "pipeline", "created", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_run_project_ref_created_id"),
        "run",
        ["project", "ref", "created", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_run_project_state_created_id"),
        "run",
        ["project", "state", "created", "id"],
        unique=False,
    )
    op.create_index(op.f("ix_run_state"), "run", ["state"], unique=False)


def _create_run_alert() -> None:
    op.create_table(
        "run_alert",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("project", sa.String(length=128), nullable=False),
        sa.Column("environment", sa.String(length=256), nullable=False),
        sa.Column("pipeline", sa.String(length=256), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("cause", sa.String(length=64), nullable=False),
        sa.Column("open_key", sa.String(length=64), nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.String(length=32), nullable=True),
        sa.Column("opened", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("closed", sa.BigInteger(), nullable=True),
        sa.Column("told", sa.BigInteger(), nullable=True),
        sa.Column("told_as", sa.String(length=16), nullable=True),
        sa.Column("tell", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run_alert")),
    )
    op.create_index(
        op.f("ix_run_alert_cause_closed"), "run_alert", ["cause", "closed"], unique=False
    )
    op.create_index(op.f("ix_run_alert_open_key"), "run_alert", ["open_key"], unique=True)
    op.create_index(
        op.f("ix_run_alert_project_opened"), "run_alert", ["project", "opened"], unique=False
    )
    op.create_index(op.f("ix_run_alert_tell"), "run_alert", ["tell"], unique=False)


def _create_run_attempt() -> None:
    op.create_table(
        "run_attempt",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("step_run_id", sa.String(length=32), nullable=False),
        sa.Column("run_id", sa.String(length=32), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("base", sa.String(length=32), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("contents", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=True),
        sa.Column("pid_started", sa.BigInteger(), nullable=True),
        sa.Column("boot_id", sa.String(length=64), nullable=True),
        sa.Column("started", sa.BigInteger(), nullable=False),
        sa.Column("finished", sa.BigInteger(), nullable=True),
        sa.Column("end", sa.String(length=32), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("log", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run_attempt")),
    )
    op.create_index(op.f("ix_run_attempt_run_id"), "run_attempt", ["run_id"], unique=False)
    op.create_index(
        op.f("ix_run_attempt_step_run_id_epoch"),
        "run_attempt",
        ["step_run_id", "epoch"],
        unique=True,
    )


def _create_run_definition() -> None:
    op.create_table(
        "run_definition",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("project", sa.String(length=128), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("git_commit", sa.String(length=64), nullable=True),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("archive", sa.LargeBinary(), nullable=True),
        sa.Column("actor", sa.String(length=128), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("dirty", sa.Text(), nullable=True),
        sa.Column("registered", sa.BigInteger(), nullable=True),
        sa.Column("registered_by", sa.String(length=128), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("files", sa.Integer(), nullable=True),
        sa.Column("steps", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run_definition")),
    )
    op.create_index(
        op.f("ix_run_definition_project_registered_id"),
        "run_definition",
        ["project", "registered", "id"],
        unique=False,
    )


def _create_run_ended() -> None:
    op.create_table(
        "run_ended",
        sa.Column("run_id", sa.String(length=32), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_run_ended")),
    )


def _create_run_event() -> None:
    op.create_table(
        "run_event",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("run_id", sa.String(length=32), nullable=False),
        sa.Column("step", sa.String(length=256), nullable=True),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run_event")),
    )
    op.create_index(op.f("ix_run_event_at"), "run_event", ["at"], unique=False)
    op.create_index(op.f("ix_run_event_run_id_id"), "run_event", ["run_id", "id"], unique=False)


def _create_run_fire() -> None:
    op.create_table(
        "run_fire",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("trigger_id", sa.String(length=32), nullable=False),
        sa.Column("key", sa.String(length=128), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("project", sa.String(length=128), nullable=False),
        sa.Column("environment", sa.String(length=256), nullable=False),
        sa.Column("name", sa.String(length=512), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=True),
        sa.Column("actor", sa.String(length=128), nullable=False),
        sa.Column("run_id", sa.String(length=32), nullable=True),
        sa.Column("start_by", sa.BigInteger(), nullable=True),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run_fire")),
    )
    op.create_index(
        op.f("ix_run_fire_project_created"), "run_fire", ["project", "created"], unique=False
    )
    op.create_index(op.f("ix_run_fire_run_id"), "run_fire", ["run_id"], unique=False)
    op.create_index(op.f("ix_run_fire_start_by"), "run_fire", ["start_by"], unique=False)
    op.create_index(
        op.f("ix_run_fire_trigger_id_key"), "run_fire", ["trigger_id", "key"], unique=True
    )


def _create_run_join_token() -> None:
    op.create_table(
        "run_join_token",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("actor", sa.String(length=128), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_run_join_token")),
    )


def _create_run_key() -> None:
    op.create_table(
        "run_key",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("secret", sa.String(length=128), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run_key")),
    )


def _create_run_limit() -> None:
    op.create_table(
        "run_limit",
        sa.Column("name", sa.String(length=600), nullable=False),
        sa.Column("slots", sa.Integer(), nullable=False),
        sa.Column("set_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_run_limit")),
    )


def _create_run_metric() -> None:
    op.create_table(
        "run_metric",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("project", sa.String(length=128), nullable=False),
        sa.Column("table_key", sa.String(length=256), nullable=False),
        sa.Column("column", sa.String(length=256), nullable=True),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("value", sa.Float(), nullable=True),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("estimated", sa.Boolean(), nullable=False),
        sa.Column("span_start", sa.String(length=64), nullable=True),
        sa.Column("content_id", sa.String(length=64), nullable=False),
        sa.Column("run_id", sa.String(length=32), nullable=False),
        sa.Column("commit_id", sa.String(length=32), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run_metric")),
    )
    op.create_index(
        op.f("ix_run_metric_project_table_key_id"),
        "run_metric",
        ["project", "table_key", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_run_metric_project_table_key_name_column_id"),
        "run_metric",
        ["project", "table_key", "name", "column", "id"],
        unique=False,
    )
    op.create_index(op.f("ix_run_metric_run_id"), "run_metric", ["run_id"], unique=False)


def _create_run_override() -> None:
    op.create_table(
        "run_override",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("run_id", sa.String(length=32), nullable=False),
        sa.Column("test", sa.String(length=256), nullable=False),
        sa.Column("table_key", sa.String(length=256), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("by", sa.String(length=128), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run_override")),
    )
    op.create_index(op.f("ix_run_override_run_id"), "run_override", ["run_id"], unique=False)
    op.create_index(op.f("ix_run_override_table_key"), "run_override", ["table_key"], unique=False)


def _create_run_request() -> None:
    op.create_table(
        "run_request",
        sa.Column("actor", sa.String(length=128), nullable=False),
        sa.Column("key", sa.String(length=128), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("actor", "key", name=op.f("pk_run_request")),
    )
    op.create_index(op.f("ix_run_request_created"), "run_request", ["created"], unique=False)


def _create_run_result() -> None:
    op.create_table(
        "run_result",
        sa.Column("project", sa.String(length=128), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("table_key", sa.String(length=256), nullable=False),
        sa.Column("content_id", sa.String(length=64), nullable=False),
        sa.Column("step", sa.String(length=256), nullable=False),
        sa.Column("run_id", sa.String(length=32), nullable=False),
        sa.Column("span_start", sa.String(length=64), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "project", "key", "table_key", "content_id", name=op.f("pk_run_result")
        ),
    )
    op.create_index(op.f("ix_run_result_content_id"), "run_result", ["content_id"], unique=False)
    op.create_index(
        op.f("ix_run_result_project_location"), "run_result", ["project", "location"], unique=False
    )


def _create_run_schedule() -> None:
    op.create_table(
        "run_schedule",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("project", sa.String(length=128), nullable=False),
        sa.Column("environment", sa.String(length=256), nullable=False),
        sa.Column("pipeline", sa.String(length=256), nullable=False),
        sa.Column("definition", sa.String(length=64), nullable=False),
        sa.Column("promise", sa.Text(), nullable=True),
        sa.Column("due", sa.BigInteger(), nullable=True),
        sa.Column("alerts", sa.Text(), nullable=True),
        sa.Column("secrets", sa.Text(), nullable=True),
        sa.Column("folder", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run_schedule")),
    )
    op.create_index(op.f("ix_run_schedule_due"), "run_schedule", ["due"], unique=False)
    op.create_index(
        op.f("ix_run_schedule_project_environment"),
        "run_schedule",
        ["project", "environment"],
        unique=False,
    )


def _create_run_step() -> None:
    op.create_table(
        "run_step",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("run_id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=256), nullable=False),
        sa.Column("type", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("grouping", sa.Text(), nullable=False),
        sa.Column("age", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("unmet", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("losses", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("not_before", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.String(length=32), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("why", sa.Text(), nullable=True),
        sa.Column("key", sa.String(length=64), nullable=True),
        sa.Column("reused_from", sa.String(length=32), nullable=True),
        sa.Column("rows", sa.BigInteger(), nullable=True),
        sa.Column("bytes", sa.BigInteger(), nullable=True),
        sa.Column("seconds", sa.Float(), nullable=True),
        sa.Column("spans", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("started", sa.BigInteger(), nullable=True),
        sa.Column("finished", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run_step")),
    )
    op.create_index(
        "ix_run_step_lease",
        "run_step",
        ["lease_until"],
        unique=False,
        sqlite_where=sa.text("state IN ('claimed', 'running', 'staged')"),
        postgresql_where=sa.text("state IN ('claimed', 'running', 'staged')"),
    )
    op.create_index("ix_run_step_owner", "run_step", ["owner", "state"], unique=False)
    op.create_index(
        "ix_run_step_ready",
        "run_step",
        ["grouping", sa.literal_column("priority DESC"), "age", "position"],
        unique=False,
        sqlite_where=sa.text("state = 'ready'"),
        postgresql_where=sa.text("state = 'ready'"),
    )
    op.create_index(op.f("ix_run_step_run_id_name"), "run_step", ["run_id", "name"], unique=True)
    op.create_index(op.f("ix_run_step_run_id_state"), "run_step", ["run_id", "state"], unique=False)


def _create_run_trigger() -> None:
    op.create_table(
        "run_trigger",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("project", sa.String(length=128), nullable=False),
        sa.Column("environment", sa.String(length=256), nullable=False),
        sa.Column("pipeline", sa.String(length=256), nullable=False),
        sa.Column("name", sa.String(length=512), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("definition", sa.String(length=64), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("told_by", sa.String(length=128), nullable=True),
        sa.Column("told_at", sa.BigInteger(), nullable=True),
        sa.Column("anchor", sa.BigInteger(), nullable=False),
        sa.Column("seen", sa.BigInteger(), nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("last_fire", sa.BigInteger(), nullable=True),
        sa.Column("last_run", sa.String(length=32), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run_trigger")),
    )
    op.create_index(op.f("ix_run_trigger_due"), "run_trigger", ["due"], unique=False)
    op.create_index(
        op.f("ix_run_trigger_project_environment_pipeline"),
        "run_trigger",
        ["project", "environment", "pipeline"],
        unique=False,
    )


def _create_run_verdict() -> None:
    op.create_table(
        "run_verdict",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("project", sa.String(length=128), nullable=False),
        sa.Column("run_id", sa.String(length=32), nullable=False),
        sa.Column("step", sa.String(length=256), nullable=False),
        sa.Column("test", sa.String(length=256), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("table_key", sa.String(length=256), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("blocks", sa.Boolean(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("reused_from", sa.String(length=32), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run_verdict")),
    )
    op.create_index(
        op.f("ix_run_verdict_project_key"), "run_verdict", ["project", "key"], unique=False
    )
    op.create_index(
        op.f("ix_run_verdict_project_table_key_test_at"),
        "run_verdict",
        ["project", "table_key", "test", "at"],
        unique=False,
    )
    op.create_index(op.f("ix_run_verdict_run_id"), "run_verdict", ["run_id"], unique=False)


def _create_run_watch() -> None:
    op.create_table(
        "run_watch",
        sa.Column("project", sa.String(length=128), nullable=False),
        sa.Column("environment", sa.String(length=256), nullable=False),
        sa.Column("head", sa.String(length=32), nullable=False),
        sa.Column("definition", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("project", "environment", name=op.f("pk_run_watch")),
    )


def _create_run_worker_session() -> None:
    op.create_table(
        "run_worker_session",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("host", sa.String(length=256), nullable=False),
        sa.Column("boot_id", sa.String(length=64), nullable=True),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("pid_started", sa.BigInteger(), nullable=True),
        sa.Column("labels", sa.Text(), nullable=True),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("version", sa.String(length=32), nullable=False),
        sa.Column("lease", sa.BigInteger(), nullable=False),
        sa.Column("started", sa.BigInteger(), nullable=False),
        sa.Column("beat", sa.BigInteger(), nullable=False),
        sa.Column("ended", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run_worker_session")),
    )
