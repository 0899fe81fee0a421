"""What alembic runs to apply revisions, on the connection that `bot.store.migrate` hands in."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
