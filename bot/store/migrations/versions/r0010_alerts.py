"""Alerts of other systems, in groups."""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add them; of an alert one row is open at most."""
    op.execute(
        """
        create table alert_groups (
            id text primary key,
            source text not null,
            key text not null,
            title text not null,
            channel text not null,
            opened_at timestamptz not null,
            resolved_at timestamptz,
            acknowledged_by text not null,
            acknowledged_at timestamptz,
            message jsonb,
            version int not null,
            shown_at timestamptz,
            show_at timestamptz
        );
        create index on alert_groups (source, key, opened_at desc);
        create index on alert_groups (opened_at);
        create index on alert_groups (resolved_at);
        create table alerts (
            id text primary key,
            group_id text not null references alert_groups on delete cascade,
            source text not null,
            fingerprint text not null,
            title text not null,
            level text not null,
            started_at timestamptz not null,
            told_at timestamptz not null,
            ended_at timestamptz,
            times int not null,
            text text not null,
            url text not null,
            labels jsonb not null,
            acknowledged_by text not null
        );
        create unique index on alerts (source, fingerprint) where ended_at is null;
        create index on alerts (source, fingerprint, told_at desc);
        create index on alerts (group_id);
        create table alert_silences (
            source text not null,
            key text not null,
            until timestamptz not null,
            "by" text not null,
            reason text not null,
            primary key (source, key)
        );
        """
    )
