"""Reactions, pins and other marks on messages; what was read from Slack's history instead of told by an event."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Make room for both; all changes so far were told by events."""
    op.execute(
        """
        create table marks (
            channel text collate "C",
            ts text collate "C",
            kind text collate "C",
            name text collate "C",
            "user" text collate "C",
            event_ts text collate "C",
            added boolean not null,
            noticed boolean not null,
            primary key (channel, ts, kind, name, "user", event_ts)
        );
        alter table changes add column noticed boolean not null default false, alter column old_text drop not null;
        update changes set old_text = null where old_text = '';
        """
    )
