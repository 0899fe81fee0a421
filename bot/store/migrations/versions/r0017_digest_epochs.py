"""Who has set about posting a digest is counted, so that whoever slept meanwhile posts no second one."""

from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Nobody has, so far as it matters."""
    op.execute("alter table slots add column epoch integer not null default 0")
