"""Incidents that only those who were asked in know of."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Mark them; all there are so far are for everybody."""
    op.execute("alter table incidents add column private boolean not null default false")
