"""Alerts as people in the channel see them and act on them, from the webhook's rows to Slack and back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.alerts.answers import ANSWER, Answers
from bot.alerts.intake import Intake
from bot.alerts.messages import GroupMessages
from bot.alerts.rules import AlertRules
from bot.core.alerts import Alert, Level
from bot.core.clock import now
from bot.core.errors import IntegrationError, NotFound, OpsbotError, Unreachable
from bot.core.fleet import Fleet, Service
from bot.core.incident_acts import MomentKind
from bot.core.pager import AlertSource
from bot.core.people import Role
from bot.core.redact import Redactor
from bot.demo.workspace import Channel, Person, Seen, Workspace
from bot.incidents.rules import IncidentRules
from bot.slack.people import Roles
from bot.store.postgres import Postgres
from commands import alerts
from tests.conftest import Deferred
from tests.fixtures_incident import CLICKS, COMMANDS, incident_ports
from tests.fixtures_slack import SECRET, SlackBot, running_bot

DISK = Alert(
    "generic",
    "disk",
    "disks",
    "disks",
    "Disk <!channel> almost full",
    Level.CRITICAL,
    firing=True,
    started_at=datetime(2026, 3, 2, 8, 55, tzinfo=UTC),
    text=f"/var has 2 % left; login with {SECRET}",
    url="https://monitoring.example.com/disk",
    labels={"host": "web-1", "service": "gateway"},
)


@dataclass(frozen=True, slots=True)
class Scene:
    """The bot with a channel for alerts."""

    bot: SlackBot
    ana: Person
    ops: Channel

    async def take(self, *told: Alert) -> None:
        """Take alerts in and show what they change."""
        async with self.bot.store.transaction() as tx:
            await Intake(AlertRules(self.ops.id), now).take(tx, [told])
        await self.show()

    async def show(self) -> None:
        messages = GroupMessages(self.bot.store, self.bot.link.chat, now)
        async with self.bot.store.transaction() as tx:
            views = await tx.alerts.firing(now=now())
        for view in views:
            await messages.show(view.group.id)

    def seen(self) -> Seen:
        """The one message of the bot in the channel."""
        (seen,) = [seen for seen in self.ana.sees(self.ops) if not seen.ephemeral]
        return seen

    def message(self) -> str:
        """Its words."""
        return self.seen().plain()


@pytest.fixture
async def scene(workspace: Workspace, store: Postgres) -> AsyncIterator[Scene]:
    ana = workspace.person("ana")
    ops = workspace.channel("ops", [ana])
    async with running_bot(
        workspace,
        store,
        roles=Roles(default=Role.RESPONDER),
        commands=(*alerts.COMMANDS, *COMMANDS),
        clicks=CLICKS,
        ports=lambda link: incident_ports(link, store, IncidentRules()),
    ) as bot:
        yield Scene(bot, ana, ops)


async def test_an_alert_is_shown_with_what_can_be_done_and_its_text_is_inert_and_without_secrets(scene: Scene) -> None:
    await scene.take(DISK)

    said = scene.message()
    for words in ("disks", "1 firing", "critical", "Disk <!channel> almost full", "host=web-1", "/var has 2 % left"):
        assert words in said
    assert SECRET not in said
    seen = scene.seen()
    assert "<!channel>" not in seen.text
    assert seen.buttons() == ["Acknowledge", "Silence", "Open incident"]


async def test_a_click_acknowledges_once_and_the_message_says_who(scene: Scene) -> None:
    await scene.take(DISK)
    seen = scene.seen()
    await scene.ana.click(seen, "Acknowledge")
    await scene.ana.wait_for(scene.ops, "Acknowledged by")
    await scene.take(replace(DISK, fingerprint="other", title="Another"))

    said = scene.message()
    assert "Acknowledged by" in said
    assert "2 firing" in said
    seen = scene.seen()
    assert seen.buttons() == ["Silence", "Open incident"]


async def test_a_silence_is_asked_for_in_a_form_and_shown_with_its_reason(scene: Scene) -> None:
    await scene.take(DISK)
    seen = scene.seen()
    await scene.ana.click(seen, "Silence")
    view = await scene.ana.wait_for_modal()
    await scene.ana.submit(view, {"lasts": "2h", "reason": "a bigger disk is ordered"})
    told = await scene.ana.wait_for(scene.ops, "disks is silenced until")
    await scene.show()
    listed = (await (await scene.ana.command(scene.ops, "/ops alerts")).reply()).plain()
    ended = (await (await scene.ana.command(scene.ops, "/ops alerts unsilence")).reply()).plain()

    assert told.ephemeral
    assert "a bigger disk is ordered" in scene.message()
    assert "silenced until" in listed
    assert "not silenced any more" in ended


async def test_an_incident_is_opened_from_an_alert_with_what_it_says(scene: Scene) -> None:
    await scene.take(DISK)
    seen = scene.seen()
    await scene.ana.click(seen, "Open incident")
    view = await scene.ana.wait_for_modal()
    await scene.ana.submit(view, {})
    await scene.ana.wait_for(scene.ops, "Incident 1")

    async with scene.bot.store.transaction() as tx:
        opened = await tx.incidents.get(1)
        moments = {each.kind: each.at for each in await tx.acts.told_moments(1)}
        entries = await tx.entries.of_incident(1)
    await scene.ana.click(seen, "Open incident")  # the message does not say yet that there is one
    again = await scene.ana.wait_for(scene.ops, "declared for it already")
    await scene.show()
    assert (opened.severity, opened.title, opened.services) == ("Critical", "Disk <!channel> almost full", ("gateway",))
    assert "/var has 2 % left" in opened.impact
    assert moments[MomentKind.STARTED] == DISK.started_at
    assert abs(moments[MomentKind.DETECTED] - now()) < timedelta(minutes=1)
    assert min(entries, key=lambda entry: entry.at).at == DISK.started_at
    [alert] = [told for told in scene.ana.sees(scene.ops) if told.ts == seen.ts]
    assert "Incident 1 was declared for it." in alert.plain()
    assert alert.buttons() == ["Acknowledge", "Silence"]
    assert again.ephemeral


async def test_an_alert_that_is_over_when_the_form_is_sent_still_says_when_it_began(scene: Scene) -> None:
    await scene.take(DISK)
    seen = scene.seen()
    await scene.ana.click(seen, "Open incident")
    view = await scene.ana.wait_for_modal()
    await scene.take(replace(DISK, firing=False))
    await scene.ana.submit(view, {})
    await scene.ana.wait_for(scene.ops, "Incident 1")

    async with scene.bot.store.transaction() as tx:
        moments = {each.kind: each.at for each in await tx.acts.told_moments(1)}
    assert moments[MomentKind.STARTED] == DISK.started_at


PAGED = replace(DISK, source="pagerduty", fingerprint="PGR0VU2", labels={})


@dataclass
class Source:
    """PagerDuty, as far as it can be told; `refuses` are what it answers with, one after the other."""

    refuses: list[OpsbotError] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    source: str = "pagerduty"

    async def acknowledge_alert(self, alert_id: str) -> str:
        if self.refuses:
            raise self.refuses.pop(0)
        self.told.append(alert_id)
        return "PagerDuty knows it"


async def acknowledge(scene: Scene, deferred: Deferred, *sources: Source) -> Answers:
    """Click, and have the source told."""
    fleet = Fleet(tuple(Service(f"s{n}", "test", "local", {AlertSource: each}) for n, each in enumerate(sources)))
    await scene.take(PAGED, replace(PAGED, fingerprint="PGR0VU3"))
    await scene.ana.click(scene.seen(), "Acknowledge")
    await scene.ana.wait_for(scene.ops, "Acknowledged by")
    answers = Answers(scene.bot.store, fleet, now, Redactor([SECRET]).redact)
    for job in deferred.jobs:
        if job.task in answers.handlers:
            await answers.handlers[job.task](**job.args)
    await scene.show()
    return answers


async def test_an_acknowledgement_reaches_the_source_for_each_of_its_alerts(scene: Scene, deferred: Deferred) -> None:
    elsewhere, source = Source(refuses=[NotFound("No such incident.")] * 2), Source()
    await acknowledge(scene, deferred, elsewhere, source)

    assert sorted(source.told) == ["PGR0VU2", "PGR0VU3"]
    assert elsewhere.told == []
    assert "PagerDuty knows it." in scene.message()


async def test_a_source_that_refuses_an_acknowledgement_is_told_of_on_the_message(
    scene: Scene, deferred: Deferred
) -> None:
    refused = IntegrationError(f"PagerDuty refuses our key ({SECRET}).")
    await acknowledge(scene, deferred, Source(refuses=[refused]))

    assert "PagerDuty may not know it: PagerDuty refuses our key" in scene.message()
    assert "Acknowledge it there too." in scene.message()
    assert SECRET not in scene.message()


async def test_without_a_paging_system_an_acknowledgement_says_that_its_source_does_not_know_it(
    scene: Scene, deferred: Deferred
) -> None:
    await acknowledge(scene, deferred)

    assert "PagerDuty may not know it: no service has PagerDuty configured." in scene.message()


async def test_a_source_that_cannot_be_reached_is_told_of_an_acknowledgement_later(
    scene: Scene, deferred: Deferred
) -> None:
    source = Source(refuses=[Unreachable("Nobody answers.")])
    answers = await acknowledge(scene, deferred, source)
    before = scene.message()
    async with scene.bot.store.transaction() as tx:
        [due] = [row for row in await tx.due.take(now=now() + timedelta(minutes=1)) if row.kind == ANSWER]
    await answers.handlers[ANSWER](**due.args)
    await scene.show()

    assert "Nobody answers. I try again." in before
    assert sorted(source.told) == ["PGR0VU2", "PGR0VU3"]
    assert "PagerDuty knows it." in scene.message()


async def test_a_source_without_acknowledgements_is_told_nothing(scene: Scene, deferred: Deferred) -> None:
    await scene.take(DISK)
    await scene.ana.click(scene.seen(), "Acknowledge")
    await scene.ana.wait_for(scene.ops, "Acknowledged by")

    assert [job.task for job in deferred.jobs if job.task == ANSWER] == []


async def test_what_fires_is_listed_shown_and_acknowledged_by_typing(scene: Scene) -> None:
    nothing = (await (await scene.ana.command(scene.ops, "/ops alerts")).reply()).plain()
    await scene.take(*(replace(DISK, fingerprint=str(number), title=f"Disk {number}") for number in range(30)))
    listed = (await (await scene.ana.command(scene.ops, "/ops alerts")).reply()).plain()
    shown = (await (await scene.ana.command(scene.ops, "/ops alerts show")).reply()).plain()
    first = (await (await scene.ana.command(scene.ops, "/ops alerts acknowledge")).reply()).plain()
    second = (await (await scene.ana.command(scene.ops, "/ops alerts acknowledge")).reply()).plain()
    too_long = (await (await scene.ana.command(scene.ops, "/ops alerts silence --for 8d")).reply()).plain()

    assert "No alert fires, as far as the configured sources have told." in nothing
    assert "disks" in listed
    assert "30" in listed
    assert all(f"Disk {number}" in shown for number in range(30))
    assert "… and 20 more that fire" in scene.message()
    assert "Acknowledged by" in first
    assert "acknowledged before" in second
    assert "too long" in too_long
