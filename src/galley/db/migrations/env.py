"""Alembic's entry: migrations run inside the transaction that ``db.schema`` opened."""

from __future__ import annotations

from alembic import context

from galley.db.base import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transaction_per_migration=False,
    transactional_ddl=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
