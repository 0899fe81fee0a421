"""The repositories of one transaction."""

from __future__ import annotations

from typing import Any

from psycopg import AsyncConnection

from bot.store.alerts import Alerts
from bot.store.audit import Audit
from bot.store.automation import Automation
from bot.store.backfills import Backfills
from bot.store.chain import Chain
from bot.store.checklists import Checklists
from bot.store.claims import Claims
from bot.store.due import DueRows
from bot.store.entries import Entries
from bot.store.incident_acts import IncidentActs
from bot.store.incidents import Incidents
from bot.store.jobs import Defer, Jobs
from bot.store.leases import Leases
from bot.store.marks import Marks
from bot.store.messages import Messages
from bot.store.operations import Operations
from bot.store.pending import PendingRows
from bot.store.readings import Readings
from bot.store.remembered import Remembered
from bot.store.reports import Reports
from bot.store.schedules import Schedules
from bot.store.slots import Slots
from bot.store.tallies import Tallies
from bot.store.tasks import Tasks
from bot.store.watches import Watches
from bot.store.windows import Windows


class PostgresUnit:
    """What `records.Unit` asks for, on one connection that is in a transaction."""

    def __init__(self, connection: AsyncConnection[Any], *, defer: Defer, chain: Chain) -> None:
        self.due = DueRows(connection)
        self.operations = Operations(connection)
        self.leases = Leases(connection, self.due)
        self.jobs = Jobs(connection, defer)
        self.audit = Audit(connection, chain)
        self.incidents = Incidents(connection)
        self.acts = IncidentActs(connection)
        self.messages = Messages(connection)
        self.marks = Marks(connection)
        self.backfills = Backfills(connection)
        self.entries = Entries(connection, self.due)
        self.slots = Slots(connection)
        self.claims = Claims(connection)
        self.pending = PendingRows(connection)
        self.remembered = Remembered(connection)
        self.checklists = Checklists(connection)
        self.windows = Windows(connection)
        self.readings = Readings(connection)
        self.tallies = Tallies(connection)
        self.watches = Watches(connection)
        self.alerts = Alerts(connection)
        self.automation = Automation(connection)
        self.reports = Reports(connection)
        self.tasks = Tasks(connection)
        self.schedules = Schedules(connection)
