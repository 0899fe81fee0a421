"""Operations, leases, due rows, audit chain, incidents, messages, digests, claims."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the bot's own tables."""
    op.execute(
        """
        create table operations (
            id text primary key,
            call jsonb not null,
            plan jsonb not null,
            plan_hash text not null,
            service text not null,
            environment text not null,
            host text not null,
            reason text not null,
            requester text not null,
            approver text not null,
            channel text not null,
            plan_state text not null,
            state text not null,
            epoch integer not null,
            proposed_at timestamptz not null,
            started_at timestamptz,
            ended_at timestamptz,
            card jsonb,
            why text not null,
            cancel_asked_by text not null,
            automatic text not null
        );
        create index on operations (proposed_at desc);
        create index on operations (plan_state) where state in ('queued', 'running');

        create table steps (
            operation_id text not null references operations on delete cascade,
            undo boolean not null,
            number integer not null,
            step text not null,
            title text not null,
            params jsonb not null,
            before jsonb,
            state text not null,
            evidence text not null,
            started_at timestamptz,
            ended_at timestamptz,
            primary key (operation_id, undo, number)
        );

        create table leases (
            id text primary key,
            kind text not null,
            target text not null,
            service text not null,
            owner text not null,
            "by" text not null,
            reason text not null,
            channel text not null,
            operation_id text not null,
            inverse jsonb not null,
            since timestamptz not null,
            until timestamptz,
            ended_at timestamptz,
            ended_by text not null
        );
        create unique index leases_holder on leases (kind, target, owner) where ended_at is null;

        create table due (
            kind text not null,
            key text not null,
            due_at timestamptz not null,
            args jsonb not null,
            primary key (kind, key)
        );
        create index on due (due_at);

        create table audit (
            seq bigint primary key,
            at timestamptz not null,
            actor text not null,
            kind text not null,
            data text not null,
            mac text not null
        );
        create table audit_marks (
            name text primary key,
            seq bigint not null,
            mac text not null,
            signature text not null
        );
        insert into audit_marks values ('head', 0, '', '');

        create table incidents (
            number integer primary key,
            title text not null,
            severity text not null,
            state text not null,
            channel text not null,
            commander text not null,
            opened_by text not null,
            opened_at timestamptz not null,
            resolved_at timestamptz,
            resolved_by text not null,
            impact text not null,
            service text not null,
            card jsonb
        );
        create index on incidents (channel);

        create table entries (
            id text primary key,
            incident integer not null references incidents,
            at timestamptz not null,
            author text not null,
            kind text not null,
            text text not null,
            operation_id text not null,
            message jsonb
        );
        create index on entries (incident, at);

        create table messages (
            channel text collate "C",
            ts text collate "C",
            at timestamptz not null,
            "user" text not null,
            author text not null,
            text text not null,
            thread_ts text not null,
            subtype text not null,
            edited_at timestamptz,
            files jsonb not null,
            primary key (channel, ts)
        );
        create table changes (
            channel text collate "C",
            ts text collate "C",
            key text collate "C",
            at timestamptz not null,
            text text,
            old_text text not null,
            primary key (channel, ts, key)
        );

        create table slots (
            schedule text not null,
            slot text not null,
            due_at timestamptz not null,
            state text not null,
            message jsonb,
            checks jsonb not null,
            primary key (schedule, slot)
        );
        create index on slots (schedule, due_at desc);

        create table claims (
            key text collate "C" primary key,
            at timestamptz not null
        );
        create index on claims (at);

        create table pending (
            id text primary key,
            kind text not null,
            user_id text not null,
            channel text not null,
            data jsonb not null,
            created_at timestamptz not null,
            used boolean not null default false
        );
        create index on pending (created_at);

        create table remembered (
            key text primary key,
            value jsonb not null,
            at timestamptz not null
        );
        """
    )
