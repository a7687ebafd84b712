"""The first tables of the lake domain."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "lake_0001"
down_revision = None
branch_labels = ("lake",)
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    _create_lake_backup()
    _create_lake_checkpoint_entry()
    _create_lake_checkpoint_window()
    _create_lake_collection()
    _create_lake_commit()
    _create_lake_condemned()
    _create_lake_entry()
    _create_lake_field_counter()
    _create_lake_field_id()
    _create_lake_hold()
    _create_lake_pipeline_hold()
    _create_lake_ref()
    _create_lake_ref_log()
    _create_lake_window()
    _create_lake_withdrawn()
    _create_lake_writer()


def _create_lake_backup() -> None:
    op.create_table(
        "lake_backup",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("by", sa.String(length=128), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lake_backup")),
    )


def _create_lake_checkpoint_entry() -> None:
    op.create_table(
        "lake_checkpoint_entry",
        sa.Column("commit_id", sa.String(length=32), nullable=False),
        sa.Column("table_key", sa.String(length=256), nullable=False),
        sa.Column("entry_commit", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("commit_id", "table_key", name=op.f("pk_lake_checkpoint_entry")),
    )


def _create_lake_checkpoint_window() -> None:
    op.create_table(
        "lake_checkpoint_window",
        sa.Column("commit_id", sa.String(length=32), nullable=False),
        sa.Column("table_id", sa.String(length=32), nullable=False),
        sa.Column("span_start", sa.String(length=512), nullable=False),
        sa.Column("window_commit", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint(
            "commit_id", "table_id", "span_start", name=op.f("pk_lake_checkpoint_window")
        ),
    )


def _create_lake_collection() -> None:
    op.create_table(
        "lake_collection",
        sa.Column("project", sa.String(length=128), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("project", name=op.f("pk_lake_collection")),
    )


def _create_lake_commit() -> None:
    op.create_table(
        "lake_commit",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("project", sa.String(length=128), nullable=False),
        sa.Column("parent", sa.String(length=32), nullable=True),
        sa.Column("merged_from", sa.String(length=32), nullable=True),
        sa.Column("tree_of", sa.String(length=32), nullable=True),
        sa.Column("depth", sa.Integer(), nullable=False),
        sa.Column("checkpointed", sa.Boolean(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("author", sa.String(length=128), nullable=False),
        sa.Column("on_behalf_of", sa.String(length=128), nullable=True),
        sa.Column("code_version", sa.String(length=64), nullable=True),
        sa.Column("run_id", sa.String(length=32), nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lake_commit")),
    )
    op.create_index(
        op.f("ix_lake_commit_project_created"), "lake_commit", ["project", "created"], unique=False
    )
    op.create_index(op.f("ix_lake_commit_run_id"), "lake_commit", ["run_id"], unique=False)


def _create_lake_condemned() -> None:
    op.create_table(
        "lake_condemned",
        sa.Column("project", sa.String(length=128), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("table_key", sa.String(length=256), nullable=False),
        sa.Column("table_id", sa.String(length=32), nullable=False),
        sa.Column("content_id", sa.String(length=64), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.String(length=128), nullable=False),
        sa.Column("doomed", sa.BigInteger(), nullable=True),
        sa.Column("removed", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("project", "location", name=op.f("pk_lake_condemned")),
    )
    op.create_index(
        op.f("ix_lake_condemned_project_table_key"),
        "lake_condemned",
        ["project", "table_key"],
        unique=False,
    )
    op.create_index(
        op.f("ix_lake_condemned_project_until"),
        "lake_condemned",
        ["project", "until"],
        unique=False,
    )


def _create_lake_entry() -> None:
    op.create_table(
        "lake_entry",
        sa.Column("commit_id", sa.String(length=32), nullable=False),
        sa.Column("table_key", sa.String(length=256), nullable=False),
        sa.Column("table_id", sa.String(length=32), nullable=False),
        sa.Column("format", sa.String(length=16), nullable=False),
        sa.Column("content_id", sa.String(length=64), nullable=True),
        sa.Column("location", sa.Text(), nullable=True),
        sa.Column("dropped", sa.Boolean(), nullable=False),
        sa.Column("schema_fingerprint", sa.String(length=64), nullable=True),
        sa.Column("version", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("commit_id", "table_key", name=op.f("pk_lake_entry")),
    )
    op.create_index(op.f("ix_lake_entry_content_id"), "lake_entry", ["content_id"], unique=False)
    op.create_index(op.f("ix_lake_entry_table_id"), "lake_entry", ["table_id"], unique=False)


def _create_lake_field_counter() -> None:
    op.create_table(
        "lake_field_counter",
        sa.Column("table_id", sa.String(length=32), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("table_id", name=op.f("pk_lake_field_counter")),
    )


def _create_lake_field_id() -> None:
    op.create_table(
        "lake_field_id",
        sa.Column("table_id", sa.String(length=32), nullable=False),
        sa.Column("parent", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=512), nullable=False),
        sa.Column("type", sa.String(length=256), nullable=False),
        sa.Column("incarnation", sa.Integer(), nullable=False),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint(
            "table_id", "parent", "name", "type", "incarnation", name=op.f("pk_lake_field_id")
        ),
    )
    op.create_index(
        op.f("ix_lake_field_id_table_id_id"), "lake_field_id", ["table_id", "id"], unique=True
    )


def _create_lake_hold() -> None:
    op.create_table(
        "lake_hold",
        sa.Column("commit_id", sa.String(length=32), nullable=False),
        sa.Column("holder", sa.String(length=128), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("commit_id", "holder", name=op.f("pk_lake_hold")),
    )


def _create_lake_pipeline_hold() -> None:
    op.create_table(
        "lake_pipeline_hold",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("project", sa.String(length=128), nullable=False),
        sa.Column("ref", sa.String(length=256), nullable=False),
        sa.Column("pipeline", sa.String(length=128), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=True),
        sa.Column("commit_id", sa.String(length=32), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.String(length=128), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("released_at", sa.BigInteger(), nullable=True),
        sa.Column("released_by", sa.String(length=128), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lake_pipeline_hold")),
    )
    op.create_index(
        op.f("ix_lake_pipeline_hold_project_ref_pipeline"),
        "lake_pipeline_hold",
        ["project", "ref", "pipeline"],
        unique=False,
    )


def _create_lake_ref() -> None:
    op.create_table(
        "lake_ref",
        sa.Column("project", sa.String(length=128), nullable=False),
        sa.Column("name", sa.String(length=256), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("head", sa.String(length=32), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("owner", sa.String(length=128), nullable=False),
        sa.Column("fork_point", sa.String(length=32), nullable=True),
        sa.Column("fork_ref", sa.String(length=256), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("protected", sa.Boolean(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("code_version", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("project", "name", name=op.f("pk_lake_ref")),
    )
    op.create_index(
        op.f("ix_lake_ref_kind_expires_at"), "lake_ref", ["kind", "expires_at"], unique=False
    )


def _create_lake_ref_log() -> None:
    op.create_table(
        "lake_ref_log",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("project", sa.String(length=128), nullable=False),
        sa.Column("name", sa.String(length=256), nullable=False),
        sa.Column("old", sa.String(length=32), nullable=True),
        sa.Column("new", sa.String(length=32), nullable=True),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("who", sa.String(length=128), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lake_ref_log")),
    )
    op.create_index(
        op.f("ix_lake_ref_log_project_name_generation"),
        "lake_ref_log",
        ["project", "name", "generation"],
        unique=False,
    )


def _create_lake_window() -> None:
    op.create_table(
        "lake_window",
        sa.Column("commit_id", sa.String(length=32), nullable=False),
        sa.Column("table_id", sa.String(length=32), nullable=False),
        sa.Column("span_start", sa.String(length=512), nullable=False),
        sa.Column("span_end", sa.String(length=512), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("content_id", sa.String(length=64), nullable=False),
        sa.Column("files", sa.Text(), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("commit_id", "table_id", "span_start", name=op.f("pk_lake_window")),
    )


def _create_lake_withdrawn() -> None:
    op.create_table(
        "lake_withdrawn",
        sa.Column("project", sa.String(length=128), nullable=False),
        sa.Column("content_id", sa.String(length=64), nullable=False),
        sa.Column("commit_id", sa.String(length=32), nullable=False),
        sa.Column("by", sa.String(length=128), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("project", "content_id", name=op.f("pk_lake_withdrawn")),
    )


def _create_lake_writer() -> None:
    op.create_table(
        "lake_writer",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("project", sa.String(length=128), nullable=False),
        sa.Column("by", sa.String(length=128), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lake_writer")),
    )
