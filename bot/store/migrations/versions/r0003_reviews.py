"""Who has reviewed a change that ran without its second person."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the reviewer."""
    op.execute("alter table operations add reviewed_by text not null default ''")
