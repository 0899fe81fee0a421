"""Planned maintenance windows."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add them."""
    op.execute(
        """
        create table windows (
            id text primary key,
            service text not null,
            channel text not null,
            "by" text not null,
            title text not null,
            start timestamptz not null,
            ends timestamptz not null,
            recipients text not null,
            state text not null,
            operation_id text not null,
            began_at timestamptz,
            ended_at timestamptz
        );
        create index on windows (service, start desc);
        """
    )
