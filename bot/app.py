"""The composition root: the one place that knows every part, starts them in order and closes them in reverse."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import cast

import structlog
from prometheus_client import CollectorRegistry

from bot.alerts.answers import Answers
from bot.alerts.intake import Intake
from bot.alerts.messages import GroupMessages
from bot.automation.automations import Automations
from bot.automation.policy import Policies
from bot.core.clock import Clock, now
from bot.core.contacts import Contact, Contacts
from bot.core.errors import IntegrationError
from bot.core.fleet import Fleet, Service
from bot.core.integration import Integration
from bot.core.mail import Scrub
from bot.core.oncall import OnCall
from bot.core.ports import Chat, Documents
from bot.core.records import AuditRow, Store
from bot.core.redact import Redactor
from bot.core.registry import Registry, bind
from bot.core.windows import Zone
from bot.digests.digest import TASK as DIGEST
from bot.digests.digest import Digests
from bot.digests.schedules import Schedules
from bot.digests.watches import Watches, WatchPlans
from bot.incidents.jobs import incident_jobs
from bot.incidents.outgoing import EventHook, IncidentEvents
from bot.incidents.paging import Reach
from bot.incidents.publishing import Publisher
from bot.incidents.rules import IncidentRules
from bot.jobs.dead_man import DeadMan
from bot.jobs.due import Sweeper
from bot.jobs.housekeeping import Housekeeping
from bot.jobs.queue import Handler, defer
from bot.jobs.samples import Samples
from bot.jobs.wake import Waker
from bot.jobs.worker import Worker
from bot.operations.break_glass import Commanders, nobody
from bot.operations.clicks import CLICKS
from bot.operations.effects import STEPS
from bot.operations.engine import Engine
from bot.operations.spills import Spills
from bot.operations.trail import Redact
from bot.services import Systems, build_services, learn
from bot.settings import Settings, SettingsFault
from bot.slack.link import Link
from bot.slack.listeners import Door
from bot.slack.metrics import Metrics
from bot.slack.people import Roles
from bot.store.batch import Batcher
from bot.store.embedded import EmbeddedPostgres
from bot.store.migrate import migrate
from bot.store.postgres import Postgres
from bot.views import Templates
from bot.web.server import build as build_web
from bot.web.server import serving
from bot.web.slack_route import SlackRoute
from bot.web.webhooks import Webhooks
from integrations.http import HttpClient

_IN_HAND = timedelta(seconds=4)
"""What requests that came in have at a stop; the worker's budget runs at the same time."""

_RELEARN = timedelta(minutes=1)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Running:
    """The bot while it runs; `port` is that of its own web server."""

    store: Store
    registry: Registry
    systems: Systems
    engine: Engine
    link: Link
    digests: Digests
    port: int


def registry_of(settings: Settings) -> Registry:
    """Everything that can be typed, clicked and done, under the configured names."""
    registry = Registry.discover(
        clicks=CLICKS, steps=STEPS, prefix=settings.slack.command, incident_root=settings.slack.incident_command
    )
    known = {command.name for command in registry.commands.values()}
    if unknown := sorted({*settings.people.two_people} - known):
        raise SettingsFault(f"people.two_people: there is no command {', '.join(unknown)}.")
    return registry


def build_engine(
    settings: Settings,
    *,
    store: Store,
    fleet: Fleet,
    registry: Registry,
    chat: Chat,
    documents: Documents,
    clock: Clock,
    redact: Redact,
    commanders: Commanders = nobody,
) -> tuple[Engine, Mapping[type, object]]:
    """The engine, and the ports of the program by their types, it among them."""
    schedules = Schedules(tuple(each.schedule() for each in settings.schedules), settings.holidays.holidays())
    rules = settings.incidents.rules(zone=settings.zone)
    rota = settings.on_call
    on_call = OnCall(rota.rota, rota.since, rota.zone, rota.group)
    contacts = Contacts(tuple(Contact(c.role, c.contact, c.when) for c in settings.contacts))
    ports: dict[type, object] = {
        Store: store,
        Chat: chat,
        Fleet: fleet,
        Registry: registry,
        Documents: documents,
        Schedules: schedules,
        Digests: Digests(
            schedules=schedules,
            store=store,
            fleet=fleet,
            chat=chat,
            clock=clock,
            documents=documents,
            registry=registry,
        ),
        WatchPlans: WatchPlans(settings.watch_plans()),
        Policies: Policies(settings.policies()),
        Contacts: contacts,
        OnCall: on_call,
        Reach: Reach(on_call, contacts, fleet, chat),
        Zone: Zone(settings.zone),
        Scrub: Scrub(redact),
        IncidentRules: rules,
        Publisher: Publisher(store, chat, documents, fleet, rules, Scrub(redact)),
    }
    engine = Engine(
        store=store,
        registry=registry,
        fleet=fleet,
        chat=chat,
        clock=clock,
        ports=ports,
        redact=redact,
        commanders=commanders,
        two_people=settings.people.two_people,
    )
    ports[Engine] = engine
    return engine, ports


@asynccontextmanager
async def run(
    settings: Settings,
    *,
    known: Mapping[str, Integration],
    redactor: Redactor,
    clock: Clock = now,
    stop_database: bool = False,
) -> AsyncIterator[Running]:
    """The bot, from its store to its last connection, while the block runs.

    Leaving the block is the orderly stop: no payload is taken any more, what is in hand is finished or handed back, and
    the parts are closed in reverse. A host command that still runs is left under its lock file.
    """
    data = private_folder(settings.data_dir)
    templates = Templates(settings.templates)
    async with AsyncExitStack() as stack:
        conninfo = await stack.enter_async_context(database(settings, stop=stop_database))
        http = await stack.enter_async_context(HttpClient())
        systems = build_services(settings, known=known, http=http, data=data)
        stack.push_async_callback(systems.close)
        store = await stack.enter_async_context(Postgres.open(conninfo, defer=defer, audit_key=audit_key(data)))
        metrics = CollectorRegistry()
        link = await stack.enter_async_context(
            Link.open(
                bot_token=settings.slack.bot_token.get_secret_value(),
                api_url=settings.slack.api_url,
                roles=Roles(settings.people.users, settings.people.groups, settings.people.default_role),
                store=store,
                clock=clock,
                redact=redactor.redact,
                metrics=Metrics(metrics),
                templates=templates,
            )
        )
        registry = registry_of(settings)
        fleet = systems.fleet
        engine, ports = build_engine(
            settings,
            store=store,
            fleet=fleet,
            registry=registry,
            chat=link.chat,
            documents=templates,
            clock=clock,
            redact=redactor.redact,
            commanders=link.commanders,
        )
        registry.check(set(ports) | {Service} | {kind for each in known.values() for kind in each.provides})
        digests = cast("Digests", ports[Digests])
        spills = Spills(
            redactor=redactor,
            own=settings.secrets(),
            fleet=fleet,
            store=store,
            chat=link.chat,
            clock=clock,
            trail=engine.trail,
            commanders=link.commanders,
        )
        intake = Intake(settings.alert_rules(), clock)
        policies = cast("Policies", ports[Policies])
        automations = Automations.on(
            engine, policies, store=store, chat=link.chat, clock=clock, commanders=link.commanders
        )
        plans = cast("WatchPlans", ports[WatchPlans])
        watches = Watches(plans, store, fleet, clock, intake.take, redactor.redact, registry, automations.after)
        housekeeping = Housekeeping(store, clock)
        await housekeeping.plan()
        samples = Samples(store, fleet, clock)
        await samples.plan()
        handlers: dict[str, Handler] = {
            **engine.handlers,
            **link.handlers,
            **spills.handlers,
            **link.reader(spills=spills).handlers,
            **housekeeping.handlers,
            **samples.handlers,
            **GroupMessages(store, link.chat, clock).handlers,
            **Answers(store, fleet, clock, redactor.redact).handlers,
            **IncidentEvents(event_hook(settings), store, http, clock, redactor.redact).handlers,
            **watches.handlers,
            **automations.handlers,
            **bind(incident_jobs, ports)(clock),
            DIGEST: digests.post,
        }
        worker = Worker(conninfo, handlers)
        worker.start()
        stack.push_async_callback(worker.stop)
        sweeper, waker = Sweeper(store, clock=clock), Waker(digests.tick, watches.tick, clock=clock)
        sweeper.start()
        stack.push_async_callback(sweeper.stop)
        waker.start()
        stack.callback(waker.stop)
        await learn(redactor, fleet)
        learning = asyncio.create_task(_keep_learning(redactor, fleet), name="redaction values")
        stack.callback(learning.cancel)
        door = await stack.enter_async_context(
            link.door(
                registry=registry,
                fleet=fleet,
                ports=ports,
                engine=engine,
                slash=f"/{settings.slack.command}",
                spills=spills,
                drain=_IN_HAND,
            )
        )
        port = await stack.enter_async_context(
            _receiving(
                settings,
                link,
                door,
                worker=worker,
                store=store,
                http=http,
                metrics=metrics,
                clock=clock,
                redact=redactor.redact,
                intake=intake,
            )
        )
        stack.callback(engine.drain)
        async with store.transaction() as tx:
            head = await tx.audit.head()
        log.info("started", port=port, services=[service.name for service in fleet.services], audit_head=_head(head))
        yield Running(store, registry, systems, engine, link, digests, port)
        log.info("stopping")


@asynccontextmanager
async def database(settings: Settings, *, stop: bool = False) -> AsyncIterator[str]:
    """Conninfo of the configured database, or of the embedded one, migrated to this version."""
    configured = settings.database_url.get_secret_value()
    if configured:
        await asyncio.to_thread(migrate, configured)
        yield configured
        return
    embedded = EmbeddedPostgres(private_folder(settings.data_dir), stop_always=stop)
    conninfo = await asyncio.to_thread(embedded.start)
    try:
        await asyncio.to_thread(migrate, conninfo)
        yield conninfo
    finally:
        await asyncio.to_thread(embedded.stop)


@asynccontextmanager
async def _receiving(
    settings: Settings,
    link: Link,
    door: Door,
    *,
    worker: Worker,
    store: Postgres,
    metrics: CollectorRegistry,
    clock: Clock,
    redact: Redact,
    http: HttpClient,
    intake: Intake,
) -> AsyncIterator[int]:
    """Take payloads by the configured transport, and answer health and metrics, on the port that is yielded."""

    async def stored() -> None:
        await store.ping()

    async def working() -> None:
        if not worker.ready:
            raise IntegrationError("The queue is not served.")

    checks = {"store": stored, "worker": working}
    async with AsyncExitStack() as stack:
        route = sockets = None
        if settings.slack.transport == "http":
            secret = settings.slack.signing_secret.get_secret_value()
            route = SlackRoute(door.receive, signing_secret=secret, clock=clock)
        else:
            app_token = settings.slack.app_token.get_secret_value()
            sockets = await stack.enter_async_context(link.sockets(door, app_token=app_token))
            checks["slack"] = sockets.check
        taken = Batcher(store, intake.take)
        webhooks = Webhooks(taken.add, secrets=settings.alerts.secrets(), clock=clock, redact=redact, metrics=metrics)
        app = build_web(slack=route, checks=checks, metrics=metrics, webhooks=webhooks)
        port = await stack.enter_async_context(serving(app, host=settings.web.host, port=settings.web.port))
        await stack.enter_async_context(link.watching(door, sockets))
        if url := settings.dead_man.url.get_secret_value():
            dead_man = DeadMan(url, every=settings.dead_man.every, checks=checks, http=http)
            dead_man.start()
            stack.push_async_callback(dead_man.stop)
        yield port


def event_hook(settings: Settings) -> EventHook | None:
    """Where events of incidents go, if anywhere."""
    hook = settings.incident_webhook
    return EventHook(hook.url, hook.secret.get_secret_value(), hook.private) if hook.url else None


def private_folder(path: Path) -> Path:
    """The data directory, absolute, for nobody's eyes but the bot's."""
    path = path.absolute()
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


def audit_key(data: Path) -> bytes:
    """The key of the audit chain, outside the database; made once. Replicas on several machines need a copy of it."""
    file = data / "audit.key"
    fresh = file.with_name(f"audit.key.{secrets.token_hex(4)}")
    if not file.exists():
        fresh.touch(mode=0o600)
        fresh.write_bytes(secrets.token_bytes(32))
        try:
            file.hardlink_to(fresh)  # fails where another process was first, whose key then counts
        except FileExistsError:
            log.info("another process made the audit key")
        fresh.unlink()
    return file.read_bytes()


async def _keep_learning(redactor: Redactor, fleet: Fleet) -> None:
    """Keep up with the services' secrets, which people change without telling the bot."""
    while True:
        await asyncio.sleep(_RELEARN.total_seconds())
        await learn(redactor, fleet)


def _head(head: AuditRow | None) -> str:
    """The head of the audit chain as it is published: what `opsbot audit verify --head` takes."""
    return f"{head.seq}:{head.mac}" if head else ""
