"""Alembic's entry: run the steps on the connection, and in the transaction, of the caller."""

from __future__ import annotations

from alembic import context

from qiskit_job_manager.stores.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite can undo DDL; Alembic supposes that it cannot.
    transactional_ddl=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
