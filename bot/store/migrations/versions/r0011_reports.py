"""Reports of incidents, version by version, and their action items."""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add reports, the messages that show them, and tasks."""
    op.execute(
        """
        create table reports (
            incident integer not null references incidents (number) on delete cascade,
            number integer not null,
            at timestamptz not null,
            by text not null,
            what text not null,
            final boolean not null,
            sections jsonb not null,
            links jsonb not null,
            primary key (incident, number)
        );

        create table report_pages (
            incident integer not null references incidents (number) on delete cascade,
            page text not null,
            claimed_at timestamptz not null,
            message jsonb,
            primary key (incident, page)
        );

        create table tasks (
            id text primary key,
            incident integer not null references incidents (number) on delete cascade,
            number integer not null,
            text text not null,
            owner text not null,
            source jsonb not null,
            added_by text not null,
            added_at timestamptz not null,
            state text not null,
            edited boolean not null,
            ended_by text not null,
            ended_at timestamptz,
            unique (incident, number)
        );
        create index tasks_open on tasks (owner) where state = 'open';
        """
    )
