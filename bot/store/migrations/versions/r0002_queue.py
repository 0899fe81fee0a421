"""The tables of the job queue."""

from alembic import op
from procrastinate.schema import SchemaManager

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the schema that the installed procrastinate brings."""
    op.execute(SchemaManager.get_schema())
