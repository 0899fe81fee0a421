"""What watches remember between one look and the next."""

from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Add the pulses."""
    op.execute(
        """
        create table watches (
            service text not null,
            "check" text not null,
            pulse jsonb not null,
            primary key (service, "check")
        );
        """
    )
