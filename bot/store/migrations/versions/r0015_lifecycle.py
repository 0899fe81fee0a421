"""The life of an incident: its people, cycles, moments, status updates and pages."""

from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Add them; an incident that is there has one cycle, and a person took it on when it was declared."""
    op.execute(
        """
        alter table incidents
            drop column service,
            add column services text[] not null default '{}',
            add column scribe text not null default '',
            add column communications text not null default '',
            add column cycle integer not null default 1,
            add column acknowledged_at timestamptz,
            add column closed_at timestamptz,
            add column closed_by text not null default '',
            add column update_due_at timestamptz,
            add column recorded_from timestamptz,
            add column own_channel boolean not null default false,
            add column version integer not null default 0;
        update incidents set acknowledged_at = opened_at;
        create index on incidents (opened_at);

        create table incident_cycles (
            incident integer not null references incidents,
            cycle integer not null,
            began_at timestamptz not null,
            began_by text not null,
            why text not null,
            resolved_at timestamptz,
            resolved_by text not null,
            primary key (incident, cycle)
        );
        insert into incident_cycles
            select number, 1, opened_at, opened_by, '', resolved_at, resolved_by from incidents;

        create table incident_moments (
            incident integer not null references incidents,
            cycle integer not null,
            kind text not null,
            at timestamptz not null,
            "by" text not null,
            told_at timestamptz not null,
            primary key (incident, kind, cycle)
        );

        create table incident_updates (
            id text primary key,
            incident integer not null references incidents,
            at timestamptz not null,
            "by" text not null,
            text text not null,
            next_at timestamptz,
            announced text[] not null
        );
        create index on incident_updates (incident, at desc);

        create table incident_pages (
            id text primary key,
            incident integer not null references incidents,
            at timestamptz not null,
            "by" text not null,
            whom text not null,
            text text not null,
            chain text[] not null,
            target text not null,
            messages jsonb not null default '[]',
            place integer not null,
            answered_at timestamptz,
            answered_by text not null
        );
        create index on incident_pages (incident, at);
        """
    )
