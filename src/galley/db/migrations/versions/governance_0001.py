"""The first tables of the governance domain."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "governance_0001"
down_revision = None
branch_labels = ("governance",)
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    _create_audit_entry()
    _create_identity_link()
    _create_identity_member()
    _create_identity_refusal()
    _create_identity_session()
    _create_identity_team()
    _create_identity_token()
    _create_identity_user()


def _create_audit_entry() -> None:
    op.create_table(
        "audit_entry",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(length=128), nullable=False),
        sa.Column("on_behalf_of", sa.String(length=128), nullable=True),
        sa.Column("action", sa.String(length=32), nullable=False),
        sa.Column("project", sa.String(length=128), nullable=False),
        sa.Column("object_kind", sa.String(length=16), nullable=False),
        sa.Column("object", sa.String(length=256), nullable=False),
        sa.Column("rule", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("before", sa.String(length=64), nullable=True),
        sa.Column("after", sa.String(length=64), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entry")),
    )
    op.create_index(op.f("ix_audit_entry_actor_at"), "audit_entry", ["actor", "at"], unique=False)
    op.create_index(
        op.f("ix_audit_entry_project_object_at"),
        "audit_entry",
        ["project", "object", "at"],
        unique=False,
    )


def _create_identity_link() -> None:
    op.create_table(
        "identity_link",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("user", sa.String(length=64), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(length=128), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_identity_link")),
    )
    op.create_index(op.f("ix_identity_link_user"), "identity_link", ["user"], unique=False)


def _create_identity_member() -> None:
    op.create_table(
        "identity_member",
        sa.Column("team", sa.String(length=64), nullable=False),
        sa.Column("user", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("team", "user", name=op.f("pk_identity_member")),
    )
    op.create_index(op.f("ix_identity_member_user"), "identity_member", ["user"], unique=False)


def _create_identity_refusal() -> None:
    op.create_table(
        "identity_refusal",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("subject", sa.String(length=160), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_refusal")),
    )
    op.create_index(op.f("ix_identity_refusal_at"), "identity_refusal", ["at"], unique=False)
    op.create_index(
        op.f("ix_identity_refusal_subject_at"), "identity_refusal", ["subject", "at"], unique=False
    )


def _create_identity_session() -> None:
    op.create_table(
        "identity_session",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("user", sa.String(length=64), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.Column("seen", sa.BigInteger(), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("agent", sa.String(length=256), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_identity_session")),
        sa.UniqueConstraint("id", name=op.f("uq_identity_session_id")),
    )
    op.create_index(
        op.f("ix_identity_session_expires"), "identity_session", ["expires"], unique=False
    )
    op.create_index(op.f("ix_identity_session_user"), "identity_session", ["user"], unique=False)


def _create_identity_team() -> None:
    op.create_table(
        "identity_team",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(length=128), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_identity_team")),
    )


def _create_identity_token() -> None:
    op.create_table(
        "identity_token",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("user", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.Column("used", sa.BigInteger(), nullable=True),
        sa.Column("revoked", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_token")),
        sa.UniqueConstraint("digest", name=op.f("uq_identity_token_digest")),
    )
    op.create_index(op.f("ix_identity_token_user"), "identity_token", ["user"], unique=False)


def _create_identity_user() -> None:
    op.create_table(
        "identity_user",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("display", sa.String(length=128), nullable=False),
        sa.Column("mail", sa.String(length=256), nullable=True),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("password", sa.Text(), nullable=True),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(length=128), nullable=False),
        sa.Column("disabled", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_identity_user")),
    )
