"""Checklists, whose items are ticked by people and by what is observed."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add checklists and their items."""
    op.execute(
        """
        create table checklists (
            id text primary key,
            kind text not null,
            service text not null,
            subject text not null,
            state text not null,
            data jsonb not null,
            channel text not null,
            opened_by text not null,
            opened_at timestamptz not null,
            ended_by text not null,
            ended_at timestamptz
        );
        create unique index checklist_open on checklists (kind, service, subject) where state = 'open';

        create table checklist_items (
            id text primary key,
            checklist_id text not null references checklists on delete cascade,
            number integer not null,
            name text not null,
            done_by text not null,
            done_at timestamptz,
            evidence text not null,
            unique (checklist_id, number)
        );
        """
    )
