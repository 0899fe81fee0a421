"""Digests that people ask for in Slack, pauses, and what a digest showed."""

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add schedules beside those of the configuration; a slot gets an id that a button can carry."""
    op.execute(
        """
        create table schedules (
            name text primary key,
            channel text not null,
            service text not null,
            "when" text not null,
            zone text not null,
            grace interval not null,
            template text not null,
            skips_holidays boolean not null,
            quiet text not null,
            by text not null
        );

        create table schedule_pauses (
            schedule text primary key,
            by text not null,
            at timestamptz not null
        );

        alter table slots add column id text not null unique default replace(gen_random_uuid()::text, '-', '');
        alter table slots add column shown jsonb;

        alter table checklist_items add column owner text not null default '';
        """
    )
