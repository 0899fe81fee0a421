"""What people change in a timeline's entries, and messages whose text was taken out of the record for good."""

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Create both tables, and the view of messages as they stand."""
    op.execute(
        """
        create table entry_edits (
            incident integer not null references incidents,
            source text not null,
            made_at timestamptz not null,
            "by" text not null,
            text text not null,
            at timestamptz,
            dropped boolean not null,
            primary key (incident, source, made_at)
        );
        create table redactions (
            channel text collate "C",
            ts text collate "C",
            "by" text not null,
            at timestamptz not null,
            primary key (channel, ts)
        );
        create view messages_now as
            select m.channel, m.ts, m.at, m."user", m.author, m.thread_ts, m.subtype,
                case when deletion.at is null then m.files else '[]' end as files,
                case when deletion.at is not null then ''
                    when edit.at >= coalesce(m.edited_at, m.at) then edit.text
                    else m.text end as text,
                greatest(m.edited_at, edit.at) as edited_at,
                deletion.at as deleted_at,
                exists (select 1 from redactions r where r.channel = m.channel and r.ts = m.ts) as redacted
            from messages m
            left join lateral (
                select at, text from changes c
                where c.channel = m.channel and c.ts = m.ts and c.text is not null
                order by at desc, key desc limit 1) edit on true
            left join lateral (
                select min(at) as at from changes c
                where c.channel = m.channel and c.ts = m.ts and c.text is null) deletion on true;
        """
    )
