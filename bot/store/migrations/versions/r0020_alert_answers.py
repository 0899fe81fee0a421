"""What was done about a group of alerts elsewhere: the incident that it became, and what its source was told."""

from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Add both; of what is there nothing of the kind is known."""
    op.execute(
        """
        alter table alert_groups
            add column incident integer references incidents,
            add column source_said text not null default '';
        """
    )
