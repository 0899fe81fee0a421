"""What checks found over time."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the history of the checks."""
    op.execute(
        """
        create table readings (
            service text not null,
            "check" text not null,
            at timestamptz not null,
            state text not null,
            value double precision,
            unit text not null,
            said text not null,
            primary key (service, "check", at)
        );
        """
    )
