"""Alembic's entry: runs the revisions on the connection that schema.py hands over.

The transaction belongs to schema.py: a revision is there whole, or not at all.
"""

from alembic import context

from refund_api.storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite alters a table by copying it
    transactional_ddl=True,
)
context.run_migrations()
