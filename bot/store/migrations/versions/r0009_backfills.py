"""What has to be read from Slack's history, from when on, and until when events were received."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Create the tables; nothing was missed before there is a watermark."""
    op.execute(
        """
        create table backfills (
            id text primary key,
            channel text not null,
            since timestamptz not null,
            until timestamptz not null,
            floor timestamptz not null,
            state text not null,
            below text not null,
            threads jsonb not null,
            after text not null,
            seen integer not null,
            failures integer not null,
            why text not null
        );
        create unique index readings_waiting on backfills (channel) where state = 'waiting';
        create table recordings (
            channel text primary key,
            since timestamptz not null
        );
        create table receiving (
            replica text primary key,
            until timestamptz not null
        );
        alter table marks add column whose text collate "C"
            generated always as (case when kind = 'pin' then '' else "user" end) stored;
        create index on messages (channel, thread_ts) where thread_ts <> '';
        create view standing as select * from messages m where not exists (
            select 1 from changes c where c.channel = m.channel and c.ts = m.ts and c.text is null);
        """
    )
