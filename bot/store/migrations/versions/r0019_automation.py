"""What the bot does by itself, and what was turned off."""

from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Add both; nothing is off."""
    op.execute(
        """
        create table automation_cases (
            id text primary key,
            service text not null,
            rule text not null,
            problem text not null,
            alert text not null,
            call jsonb not null,
            why text not null,
            held text not null,
            at timestamptz not null,
            operation_id text not null,
            acted_at timestamptz,
            outcome text not null,
            settled_at timestamptz,
            over_at timestamptz,
            unique (service, rule, problem)
        );
        create index on automation_cases (alert);
        create index on automation_cases (acted_at);

        create table automation_off (
            service text not null,
            rule text not null,
            at timestamptz not null,
            "by" text not null,
            reason text not null,
            primary key (service, rule)
        );
        """
    )
