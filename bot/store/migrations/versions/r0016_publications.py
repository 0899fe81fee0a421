"""Copies of reports outside the incident's own messages: files, pictures, canvases, messages elsewhere."""

from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Add them; of what was shared before nobody remembers where it is."""
    op.execute(
        """
        create table report_publications (
            id text primary key,
            incident integer not null references incidents,
            version integer not null,
            kind text not null,
            name text not null,
            channel text not null,
            thread text not null,
            ref text not null,
            stale boolean not null
        );
        create index on report_publications (incident, version);
        """
    )
