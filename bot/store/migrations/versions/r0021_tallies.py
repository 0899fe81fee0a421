"""What the workers of services have counted at each look: the difference of two looks is what happened between."""

from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Add the looks."""
    op.execute(
        """
        create table tallies (
            service text not null,
            at timestamptz not null,
            workers jsonb not null,
            primary key (service, at)
        );
        """
    )
