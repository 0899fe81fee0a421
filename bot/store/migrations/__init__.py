"""The schema, as alembic revisions in hand-written SQL."""
