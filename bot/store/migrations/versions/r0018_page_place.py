"""Where in Slack a page calls: the channel of an incident may change between two attempts."""

from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Add it; empty until somebody calls."""
    op.execute("alter table incident_pages add column channel text not null default ''")
